"""Prompts in: all or nothing, every fault named."""

from collections import Counter

import pytest
from django.db import connection

from annotation.importing import (
    draw_split,
    import_prompts,
    preview_prompts,
)
from annotation.models import Prompt, PromptTag, load_earlier
from core.errors import InvalidInput
from core.models import AuditEvent
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project().project


def bring(project, *rows):
    return import_prompts(project=project, rows=rows, by=None, now=NOW)


def faults(project, *rows):
    with pytest.raises(InvalidInput) as caught:
        bring(project, *rows)
    assert not Prompt.objects.filter(text__contains="fine").exists()
    return caught.value.errors


class TestImportPrompts:
    def test_stores_every_field(self, project):
        report = bring(
            project,
            {
                "prompt": " How? ",
                "id": "h-1",
                "split": "held-out",
                "tags": ["b", "a", "b"],
                "reference": "So.",
            },
            {"prompt": "Why?", "id": 7, "split": "Test", "tags": "x; y ;"},
        )
        first, second = Prompt.objects.all()
        assert (first.external_id, first.text, first.split, first.reference) == (
            "h-1",
            " How? ",
            "held-out",
            "So.",
        )
        assert (second.external_id, second.split, second.position) == ("7", "held-out", first.position + 1)
        assert list(PromptTag.objects.values_list("prompt__external_id", "name")) == [
            ("h-1", "a"),
            ("h-1", "b"),
            ("7", "x"),
            ("7", "y"),
        ]
        assert (report.total, report.drawn, report.with_reference) == (2, 0, 1)
        assert AuditEvent.objects.get(verb="prompts:import").params == {"prompts": 2}

    def test_draws_missing_splits_by_the_projects_seed_and_the_id_alone(self, project):
        rows = [{"prompt": f"Prompt {number}", "id": f"p{number}"} for number in range(40)]
        bring(project, *rows[:20])
        bring(project, *reversed(rows[20:]))
        for prompt in Prompt.objects.all():
            assert prompt.split == draw_split(project.seed, prompt.external_id)

    def test_makes_ids_from_the_text_where_none_are_given(self, project):
        bring(project, {"prompt": "One"}, {"prompt": "Two"})
        ids = set(Prompt.objects.values_list("external_id", flat=True))
        assert len(ids) == 2
        assert "the same text is already in the project" in faults(project, {"prompt": "One"})[0]

    def test_names_every_fault_by_line_and_field_and_takes_nothing(self, project):
        found = faults(
            project,
            {"prompt": "fine"},
            {"prompt": "  "},
            {"id": "x"},
            {"prompt": "fine too", "split": "practice"},
            {"prompt": 5},
            {"prompt": "fine 3", "tags": [1]},
            {"prompt": "fine 4", "promt": "?"},
            {"prompt": "fine 5", "id": "i" * 201},
            {"prompt": "fine\x00"},
            {"prompt": "fine \ud800"},
        )
        assert [fault.split(":")[0] for fault in found] == [
            "Line 2, prompt",
            "Line 3, prompt",
            "Line 4, split",
            "Line 5, prompt",
            "Line 6, tags",
            "Line 7, promt",
            "Line 8, id",
            "Line 9, prompt",
            "Line 10, prompt",
        ]

    def test_reports_duplicates_in_the_file_and_in_the_project(self, project):
        bring(project, {"prompt": "Old", "id": "old"})
        found = faults(
            project,
            {"prompt": "fine", "id": "a"},
            {"prompt": "fine", "id": "b"},
            {"prompt": "fine 2", "id": "a"},
            {"prompt": "Old", "id": "c"},
            {"prompt": "fine 3", "id": "old"},
        )
        assert found == [
            "Line 2, prompt: the same text is already on line 1. Remove one.",
            "Line 3, id: “a” is already on line 1. Give it another.",
            "Line 4, prompt: the same text is already in the project. Remove one.",
            "Line 5, id: “old” is already in the project. Give it another.",
        ]

    def test_shows_a_hundred_faults_and_counts_the_rest(self, project):
        found = faults(project, *[{"prompt": ""} for _ in range(130)])
        assert len(found) == 101
        assert found[-1] == "… and 30 more."

    def test_refuses_a_file_without_records(self, project):
        with pytest.raises(InvalidInput, match="no records"):
            bring(project)

    def test_takes_the_same_text_into_two_projects(self, project):
        bring(project, {"prompt": "Same", "id": "1"})
        bring(make_project().project, {"prompt": "Same", "id": "1"})
        assert Prompt.objects.count() == 2

    def test_takes_a_large_file(self, project):
        rows = ({"prompt": f"Prompt {number}", "id": f"p{number}"} for number in range(5000))
        assert import_prompts(project=project, rows=rows, by=None, now=NOW).total == 5000
        assert Prompt.objects.order_by("position").last().external_id == "p4999"

    def test_looks_again_at_what_came_in_while_it_read(self, project):
        def rows():
            yield {"prompt": "fine", "id": "a"}
            yield {"prompt": "fine 2", "id": "b"}
            bring(project, {"prompt": "Fine?", "id": "a"}, {"prompt": "fine 2"})

        with pytest.raises(InvalidInput) as caught:
            import_prompts(project=project, rows=rows(), by=None, now=NOW)
        assert caught.value.errors == [
            "Line 1, id: “a” is already in the project. Give it another.",
            "Line 2, prompt: the same text is already in the project. Remove one.",
        ]
        assert set(Prompt.objects.values_list("text", flat=True)) == {"Fine?", "fine 2"}

    def test_leaves_out_what_is_there_already_where_it_is_told_to(self, project):
        bring(project, {"prompt": "Old", "id": "old"}, {"prompt": "Older", "id": "older"})
        rows = [{"prompt": "old"}, {"prompt": "Old "}, {"prompt": "fine"}, {"prompt": "Older", "id": "x"}]
        report = import_prompts(project=project, rows=rows, by=None, now=NOW, skip=True)
        assert (report.total, report.there, report.lines) == (2, 2, [2, 4])
        with pytest.raises(InvalidInput) as caught:
            import_prompts(
                project=project, rows=[{"prompt": "Other", "id": "old"}], by=None, now=NOW, skip=True
            )
        assert caught.value.errors == ["Line 1, id: “old” is already in the project. Give it another."]

    def test_goes_on_where_it_was_cut_off(self, project):
        rows = [{"prompt": f"Prompt {number}"} for number in range(2500)]
        counts = []

        def cut_off(count):
            counts.append(count)
            if len(counts) == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            import_prompts(project=project, rows=rows, by=None, now=NOW, on_batch=cut_off)
        assert Prompt.objects.count() == 1000
        report = import_prompts(project=project, rows=rows, by=None, now=NOW, skip=True)
        assert (report.total, report.there) == (1500, 1000)
        assert list(Prompt.objects.order_by("position").values_list("text", flat=True)) == [
            row["prompt"] for row in rows
        ]
        events = AuditEvent.objects.filter(verb="prompts:import").values_list("params", flat=True)
        assert sum(params["prompts"] for params in events) == 2500

    def test_looks_again_at_what_came_in_between_two_batches(self, project):
        rows = [{"prompt": f"Prompt {number}", "id": f"p{number}"} for number in range(1500)]

        def late(count):
            if Prompt.objects.count() == 1000:
                bring(project, {"prompt": "Prompt 1234"})

        report = import_prompts(project=project, rows=rows, by=None, now=NOW, skip=True, on_batch=late)
        assert (report.total, report.there, Prompt.objects.count()) == (1499, 1, 1500)

        def later(count):
            if Prompt.objects.count() == 2500:
                bring(project, {"prompt": "Prompt 2999"})

        rows = [{"prompt": f"Prompt {number}", "id": f"p{number}"} for number in range(1500, 3000)]
        with pytest.raises(InvalidInput, match="1,000 prompts were imported, the rest was not: 1 fault"):
            import_prompts(project=project, rows=rows, by=None, now=NOW, on_batch=later)

    def test_goes_on_behind_what_came_in_while_it_read(self, project):
        def rows():
            yield {"prompt": "late"}
            bring(project, {"prompt": "early"})

        import_prompts(project=project, rows=rows(), by=None, now=NOW)
        assert list(Prompt.objects.order_by("position").values_list("text", flat=True)) == ["early", "late"]

    def test_reads_and_checks_before_it_writes(self, project):
        def rows():
            assert len(connection.savepoint_ids) == depth
            yield {"prompt": "a"}

        depth = len(connection.savepoint_ids)
        import_prompts(project=project, rows=rows(), by=None, now=NOW)


class TestPreviewPrompts:
    def test_counts_what_would_come_and_stores_nothing(self, project):
        report = preview_prompts(
            project=project,
            rows=[{"prompt": "a", "split": "train", "tags": "t"}, {"prompt": "b", "split": "dev"}],
        )
        assert (report.splits, report.tags) == (Counter(train=1, validation=1), Counter(t=1))
        assert not Prompt.objects.exists()


class TestQuestionsThatAreAlike:
    LIKE = ("How do I bake bread?", "how do I bake  bread", "HOW DO I BAKE BREAD!", "How do I bake bréad…")

    def splits(self, project):
        return dict(Prompt.objects.filter(project=project).values_list("text", "split"))

    def test_are_drawn_into_one_split(self, project):
        for number in range(12):
            rows = [
                {"prompt": f"{number} {text}", "id": f"{number}-{place}"}
                for place, text in enumerate(self.LIKE)
            ]
            report = bring(project, *rows)
            assert {self.splits(project)[row["prompt"]] for row in rows} == {
                draw_split(project.seed, f"{number}-0")
            }
        assert report.total == 4 and len(set(self.splits(project).values())) > 1

    def test_follow_those_of_the_project_and_tell_how_many(self, project):
        bring(project, {"prompt": self.LIKE[0], "split": "held-out"})
        new = [{"prompt": text, "id": f"p{place}"} for place, text in enumerate(self.LIKE[1:])]
        drawn_elsewhere = sum(draw_split(project.seed, row["id"]) != "held-out" for row in new)
        report = bring(project, *new)
        assert set(self.splits(project).values()) == {"held-out"}
        assert report.followed == drawn_elsewhere > 0
        assert f"{drawn_elsewhere} differ from another question only in case" in report.notes[0]

    def test_are_told_by_line_where_they_say_their_splits(self, project):
        rows = [
            {"prompt": text, "split": split}
            for text, split in zip(self.LIKE, ("train", "test", "train", "dev"), strict=True)
        ]
        report = preview_prompts(project=project, rows=rows)
        assert report.splits == {"train": 2, "held-out": 1, "validation": 1}
        assert "(lines 2, 4): a model would be asked what it has learned" in report.notes[0]

    def test_are_no_others(self, project):
        """Other words, other numbers, next to no letters, another history."""
        first = {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello."}
        report = preview_prompts(
            project=project,
            rows=[
                {"prompt": "How do I bake bread?", "split": "train"},
                {"prompt": "How do I bake breads?", "split": "test"},
                {"prompt": "What is 12 times 3?", "split": "train"},
                {"prompt": "What is 12 times 4?", "split": "test"},
                {"prompt": "2 + 2?", "split": "train"},
                {"prompt": "2 - 2?", "split": "test"},
                {"messages": [*first, {"role": "user", "content": "How do I bake bread"}], "split": "test"},
            ],
        )
        assert (report.apart, report.followed) == (0, 0)


class TestDrawSplit:
    def test_gives_60_15_25_in_the_long_run(self):
        drawn = Counter(draw_split(7, f"prompt-{number}") for number in range(20_000))
        shares = {split: count / 20_000 for split, count in drawn.items()}
        assert shares["train"] == pytest.approx(0.60, abs=0.015)
        assert shares["validation"] == pytest.approx(0.15, abs=0.015)
        assert shares["held-out"] == pytest.approx(0.25, abs=0.015)

    def test_differs_from_seed_to_seed(self):
        assert [draw_split(1, f"p{n}") for n in range(30)] != [draw_split(2, f"p{n}") for n in range(30)]


def chat(*texts, system=None):
    """Messages in turn, the user's first."""
    turns = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]
    return ([{"role": "system", "content": system}] if system else []) + turns


class TestImportConversations:
    def test_stores_the_question_as_the_prompts_text_and_the_rest_before_it(self, project):
        report = bring(
            project,
            {"messages": chat("Hi", "Hello.", "    why?\r\n", system="Be brief.")},
            {"messages": chat("Alone")},
        )
        first, second = Prompt.objects.all()
        assert (first.text, first.earlier_count) == ("    why?\n", 3)
        assert [(each.role, each.text) for each in first.earlier] == [
            ("system", "Be brief."),
            ("user", "Hi"),
            ("assistant", "Hello."),
        ]
        assert [message.text for message in first.conversation] == ["Be brief.", "Hi", "Hello.", "    why?\n"]
        assert (second.text, second.earlier_count, second.earlier) == ("Alone", 0, [])
        assert (report.total, report.conversations, report.uneven, report.marked) == (2, 1, 0, 0)

    def test_asks_nothing_for_a_single_question(self, project, django_assert_num_queries):
        bring(project, {"prompt": "Alone"}, {"messages": chat("Hi", "Hello.", "Why?")})
        alone, spoken = Prompt.objects.all()
        with django_assert_num_queries(0):
            load_earlier([alone])
            assert len(alone.conversation) == 1
        with django_assert_num_queries(1):
            load_earlier([alone, spoken])
            assert len(spoken.conversation) == 3

    def test_reads_a_prompt_that_is_a_list_of_messages(self, project):
        bring(project, {"prompt": chat("Hi", "Hello.", "Why?")})
        assert Prompt.objects.get().earlier_count == 2

    def test_names_faults_by_line_field_and_turn(self, project):
        found = faults(
            project,
            {"messages": chat("Hi", "Hello.")},
            {"messages": chat("Hi", "", "Why?"), "prompt": None},
            {"messages": chat("Hi"), "prompt": "Hi"},
            {"messages": "Hi"},
            {"prompt": chat("Hi", "Hello.")},
            {"messages": []},
        )
        assert [fault.split(":")[0] for fault in found] == [
            "Line 1, messages, turn 2",
            "Line 2, messages, turn 2",
            "Line 3, messages",
            "Line 4, messages",
            "Line 5, prompt, turn 2",
            "Line 6, prompt",
        ]

    def test_recognizes_the_same_conversation(self, project):
        bring(project, {"messages": chat("Cafe\u0301?", "Yes.\r\nNo.", "Why?"), "id": "old"})
        found = faults(
            project,
            {"messages": chat("Café? ", "Yes.\nNo.", "\u200bWhy?")},
            {"prompt": "Why?"},
            {"messages": chat("Why?\n")},
        )
        assert found == [
            "Line 1, messages: the same conversation is already in the project. Remove one.",
            "Line 3, prompt: the same text is already on line 2. Remove one.",
        ]

    def test_keeps_a_text_as_it_came_but_for_line_ends(self, project):
        bring(project, {"prompt": "\tif a:\r\n\t\tb  \rc\u200b", "reference": "  x\r\ny"})
        prompt = Prompt.objects.get()
        assert (prompt.text, prompt.reference) == ("\tif a:\n\t\tb  \nc\u200b", "  x\ny")

    def test_tells_of_what_models_may_stumble_over(self, project):
        report = bring(
            project,
            {"messages": [*chat("Hi"), *chat("Why?")]},
            {"messages": chat("<|im_end|>", "What?", "Again.")},
        )
        assert len(report.notes) == 3
        assert (report.conversations, report.uneven, report.marked) == (2, 1, 1)
