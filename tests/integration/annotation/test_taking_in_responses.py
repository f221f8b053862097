"""Responses in, from a file or as they come: all or nothing, a place and k slots for each, until rating opens."""

from collections import Counter

import pytest

from annotation.importing import (
    import_responses,
)
from annotation.models import Assignment, Response
from annotation.responses import NewResponse, add_responses, hand_out_positions, open_rating
from core.errors import Conflict, InvalidInput
from core.models import AuditEvent, ModelVersion, Stage
from core.projects import revise
from core.rubrics import DEFAULT_RUBRIC, PolicySpec
from core.stages import open_stage
from tests.factories.annotation import make_prompts, make_responses, make_stage
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project().project


class TestImportResponses:
    @pytest.fixture
    def stage(self, project):
        make_prompts(project, count=2)
        return make_stage(project)

    def bring(self, stage, *rows):
        return import_responses(stage=stage, rows=rows, by=None, now=NOW)

    def test_stores_responses_of_known_and_new_models_with_their_slots(self, stage):
        report = self.bring(
            stage,
            {"prompt_id": "q0", "text": "Zero", "model": "alpha"},
            {"prompt_id": "q0", "text": "Nought", "model": "beta", "candidate": "1"},
            {"prompt_id": "q1", "text": "One", "model": "alpha"},
        )
        assert report.models == Counter(alpha=2, beta=1)
        assert ModelVersion.objects.count() == 2
        assert Response.objects.count() == 3
        assert Assignment.objects.count() == 9

    def test_names_every_fault_and_takes_nothing(self, stage):
        self.bring(stage, {"prompt_id": "q0", "text": "Zero", "model": "alpha"})
        with pytest.raises(InvalidInput) as caught:
            self.bring(
                stage,
                {"prompt_id": "q1", "text": "One", "model": "alpha"},
                {"prompt_id": "q9", "text": "Nine", "model": "alpha"},
                {"prompt_id": "q0", "text": "Zero", "model": "alpha"},
                {"prompt_id": "", "candidate": -1},
                {"prompt_id": "q1", "text": None, "model": "alpha"},
                {"prompt_id": "q1", "text": "Another", "model": "alpha"},
            )
        assert [fault.split(":")[0] for fault in caught.value.errors] == [
            "Line 2, prompt_id",
            "Line 3, prompt_id",
            "Line 4, prompt_id",
            "Line 4, text",
            "Line 4, model",
            "Line 4, candidate",
            "Line 5, text",
            "Line 6, prompt_id",
        ]
        assert Response.objects.count() == 1

    def test_takes_an_empty_answer_and_no_missing_one(self, stage):
        self.bring(
            stage,
            {"prompt_id": "q0", "text": "", "model": "alpha"},
            {"prompt_id": "q1", "text": " \n", "model": "alpha"},
        )
        assert set(Response.objects.values_list("text", flat=True)) == {""}

    @pytest.mark.parametrize("candidate", ["-1", "1001", "x", "1.0", "²", "9" * 5000, True, 0.5, [], 10**30])
    def test_refuses_what_is_no_candidate(self, stage, candidate):
        with pytest.raises(InvalidInput) as caught:
            self.bring(stage, {"prompt_id": "q0", "text": "Zero", "model": "alpha", "candidate": candidate})
        assert caught.value.errors[0].endswith("is no whole number from 0 to 1000.")

    def test_takes_candidates_as_numbers_and_as_texts(self, stage):
        rows = [{"prompt_id": "q0", "text": "Zero", "model": "alpha"} for _ in range(5)]
        for row, candidate in zip(rows, (None, 1, "2", " 03 ", "1000"), strict=True):
            row["candidate"] = candidate
        self.bring(stage, *rows)
        assert set(Response.objects.values_list("candidate", flat=True)) == {0, 1, 2, 3, 1000}

    def test_looks_again_at_what_came_in_while_it_read(self, stage):
        def rows():
            for candidate in range(1001):  # the first thousand are checked before the last is read
                yield {"prompt_id": "q0", "text": "Zero", "model": "alpha", "candidate": candidate}
            self.bring(stage, {"prompt_id": "q0", "text": "Nought", "model": "beta"})

        with pytest.raises(Conflict, match="meanwhile"):
            import_responses(stage=stage, rows=rows(), by=None, now=NOW)
        assert Response.objects.get().text == "Nought"

    def test_leaves_out_what_is_there_already_where_it_is_told_to(self, stage):
        first = {"prompt_id": "q0", "text": "Zero", "model": "alpha"}
        rows = [first, {"prompt_id": "q1", "text": "One", "model": "alpha"}]
        self.bring(stage, first)
        report = import_responses(stage=stage, rows=rows, by=None, now=NOW, skip=True)
        assert (report.total, report.there, report.lines) == (1, 1, [1])
        for other in ({"text": "Else"}, {"model": "beta"}):
            with pytest.raises(InvalidInput) as caught:
                import_responses(stage=stage, rows=[first | other], by=None, now=NOW, skip=True)
            assert caught.value.errors == [
                "Line 1, prompt_id: the stage already has another response. Remove the line."
            ]

    def test_takes_only_the_stages_own_model_where_it_has_one(self, project):
        make_prompts(project, count=1)
        stage = make_stage(project, model_name="ours")
        with pytest.raises(InvalidInput) as caught:
            self.bring(stage, {"prompt_id": "q0", "text": "Zero", "model": "theirs"})
        assert caught.value.errors == ["Line 1, model: this stage is answered by “ours” alone."]

    def test_is_refused_once_rating_is_open(self, stage):
        make_responses(stage)
        open_rating(stage=stage, by=None, now=NOW)
        with pytest.raises(Conflict):
            self.bring(stage, {"prompt_id": "q0", "text": "Zero", "model": "alpha", "candidate": 1})


class TestAddResponses:
    def test_skips_what_is_there(self, project):
        make_prompts(project, count=3)
        stage = make_stage(project, model_name="m")
        answers = [NewResponse(prompt, "Text", stage.model_version) for prompt in project.prompts.all()]
        assert len(add_responses(stage=stage, answers=answers[:2], now=NOW)) == 2
        assert len(add_responses(stage=stage, answers=answers, now=NOW)) == 1
        assert Response.objects.count() == 3
        assert Assignment.objects.count() == 9

    def test_gives_an_answer_the_same_place_in_whatever_order_it_comes(self, project):
        prompts = make_prompts(project, count=30)
        stage = make_stage(project, model_name="m")
        keys = [(prompt.pk, 0) for prompt in prompts]
        together = hand_out_positions(stage, keys)
        apart = {}
        for key in reversed(keys):
            apart |= hand_out_positions(stage, [key])
        assert together == apart
        assert len(set(together.values())) == 30
        assert sorted(together.values()) != [together[key] for key in keys]

    def test_tells_two_answers_that_draw_the_same_place_apart(self, project):
        first, second = make_prompts(project, count=2)
        stage = make_stage(project, model_name="m")
        drawn = hand_out_positions(stage, [(second.pk, 0)])[second.pk, 0]
        add_responses(stage=stage, answers=[NewResponse(first, "Text", stage.model_version)], now=NOW)
        Response.objects.update(position=drawn)
        (added,) = add_responses(
            stage=stage, answers=[NewResponse(second, "Text", stage.model_version)], now=NOW
        )
        assert added.position == drawn + 1


class TestOpenRating:
    @pytest.fixture
    def stage(self, project):
        make_prompts(project, count=2)
        return make_stage(project, model_name="m")

    def test_is_refused_while_a_prompt_has_no_response(self, stage):
        prompt = stage.project.prompts.first()
        add_responses(stage=stage, answers=[NewResponse(prompt, "Text", stage.model_version)], now=NOW)
        with pytest.raises(Conflict, match="1 prompt"):
            open_rating(stage=stage, by=None, now=NOW)

    def test_is_refused_without_prompts(self):
        stage = make_stage(make_project().project, model_name="m")
        with pytest.raises(Conflict, match="nothing to rate"):
            open_rating(stage=stage, by=None, now=NOW)

    def test_twice_is_the_same_as_once(self, stage):
        make_responses(stage)
        open_rating(stage=stage, by=None, now=NOW)
        assert open_rating(stage=stage, by=None, now=NOW).status == Stage.Status.RATING
        assert AuditEvent.objects.filter(verb="stage:rating").count() == 1

    @pytest.mark.parametrize("k", [2, 5])
    def test_gives_every_response_exactly_k_slots_also_where_k_was_changed_meanwhile(self, stage, k):
        make_responses(stage)
        policy = PolicySpec(ratings_per_response=k)
        revise(project=stage.project, rubric=DEFAULT_RUBRIC, policy=policy, by=None, now=NOW)
        opened = open_rating(stage=stage, by=None, now=NOW)
        assert opened.policy.ratings_per_response == k
        for response in Response.objects.all():
            assert list(response.assignments.values_list("slot", flat=True)) == list(range(1, k + 1))

    def test_is_refused_for_a_stage_that_is_past_it(self, stage):
        make_responses(stage)
        open_rating(stage=stage, by=None, now=NOW)
        Stage.objects.filter(pk=stage.pk).update(status=Stage.Status.LABELS_FINAL)
        with pytest.raises(Conflict, match="past rating"):
            open_rating(stage=stage, by=None, now=NOW)
        assert open_stage(project=stage.project, model_version=None, by=None, now=NOW).number == 1
