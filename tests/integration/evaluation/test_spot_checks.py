"""Spot checks: a sample of held-out prompts with every version's answer, and what reviewers note of it."""

import pytest
from django.db.models import ProtectedError
from django.urls import reverse

from annotation.models import PromptTag
from core.errors import Conflict, InvalidInput
from evaluation.models import SpotNote
from evaluation.spot_checks import (
    LARGEST_CHANGE,
    answers_to,
    draw_sample,
    require_no_open_comparison,
    tags_of,
    write_note,
)
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import EXCLUDED, held_out, make_labeled_comparison, make_labeled_stage

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PROMPTS = 24


@pytest.fixture
def team():
    return make_project()


@pytest.fixture
def turns(team):
    """Base and stage 1; the fourth prompt gained most, the sixth was excluded."""
    base = [3] * PROMPTS
    later = [4 if place % 2 else 3 for place in range(PROMPTS)]
    later[3], later[5] = 5, EXCLUDED
    return [make_labeled_stage(team.project, scores) for scores in (base, later)]


class TestDrawSample:
    def test_is_the_same_for_a_seed_and_another_for_another(self, team, turns):
        drawn = [
            [spot.prompt.pk for spot in draw_sample(team.project, seed=seed).spots] for seed in (1, 1, 2)
        ]
        assert drawn[0] == drawn[1] != drawn[2]
        assert len(set(drawn[0])) == 10

    def test_shows_the_largest_change_first(self, team, turns):
        sample = draw_sample(team.project, seed=1, order=LARGEST_CHANGE)
        first = sample.spots[0]
        assert (first.prompt, first.means, first.change_text) == (
            held_out(team.project)[3],
            [0.5, 1.0],
            "+50 pp",
        )
        assert [str(version) for version in sample.versions] == ["base", "stage-1"]

    def test_can_be_of_a_tag(self, team, turns):
        chosen = held_out(team.project)[:2]
        PromptTag.objects.bulk_create([PromptTag(prompt=prompt, name="soil") for prompt in chosen])
        assert {spot.prompt for spot in draw_sample(team.project, seed=1, tag="soil").spots} == set(chosen)
        assert tags_of(team.project) == ["eggs", "soil"]

    def test_takes_the_newest_comparison_where_there_is_one(self, team, turns):
        stage = make_labeled_comparison(team.project, {turn: [1] * PROMPTS for turn in turns})
        sample = draw_sample(team.project, seed=1)
        assert sample.of == str(stage)
        assert {tuple(spot.means) for spot in sample.spots} == {(0.0, 0.0)}

    def test_leaves_out_what_is_not_final(self, team, turns):
        make_labeled_stage(team.project, [5] * PROMPTS, final=False)
        assert len(draw_sample(team.project, seed=1).versions) == 2


class TestAnswersTo:
    def test_are_side_by_side_with_scores_and_word_differences(self, team, turns):
        prompt = held_out(team.project)[3]
        turns[1].responses.filter(prompt=prompt).update(text=f"Another answer to {prompt.external_id}.")
        base, later = answers_to(team.project, prompt)
        assert (base.alignment, later.alignment) == ("Partly aligned", "Fully aligned")
        assert [value for _, value in later.scores] == [5, 5, 5]
        assert base.changes is None and any(kind == "added" for kind, _ in later.changes.pieces)

    def test_of_an_excluded_response_have_no_scores(self, team, turns):
        _, later = answers_to(team.project, held_out(team.project)[5])
        assert (later.scores, later.alignment) == ([], "Excluded")


class TestWriteNote:
    def test_is_kept_with_author_and_time(self, team, turns):
        prompt = held_out(team.project)[0]
        write_note(project=team.project, prompt=prompt, text="Reads better.", by=team.lead, now=NOW)
        (note,) = prompt.spot_notes.all()
        assert (note.text, note.author, note.created_at) == ("Reads better.", team.lead, NOW)
        with pytest.raises(ProtectedError):
            prompt.delete()

    def test_needs_words(self, team, turns):
        with pytest.raises(InvalidInput, match="Write what you noticed"):
            write_note(
                project=team.project, prompt=held_out(team.project)[0], text=" ", by=team.lead, now=NOW
            )


class TestPages:
    def at(self, team, name, *args):
        return reverse(f"evaluation:{name}", args=[team.project.slug, *args])

    def test_lead_from_the_sample_to_the_answers_and_keep_a_note(self, client, team, turns):
        client.force_login(team.lead)
        prompt = held_out(team.project)[3]
        link = self.at(team, "spot-check", prompt.pk)
        assert link in client.get(self.at(team, "spot-checks"), {"order": "change"}).content.decode()
        sent = client.post(self.at(team, "spot-note", prompt.pk), {"text": "Look <b>here</b>"})
        assert sent.status_code == 302
        assert "Look &lt;b&gt;here&lt;/b&gt;" in client.get(link).content.decode()
        assert SpotNote.objects.get().author == team.lead

    def test_stay_shut_to_those_who_judge_while_a_comparison_is_open(self, client, team, turns):
        stage = make_labeled_comparison(team.project, {turn: [3] * PROMPTS for turn in turns})
        type(stage).objects.filter(pk=stage.pk).update(status="rating")
        with pytest.raises(Conflict, match="being rated"):
            require_no_open_comparison(team.project, {"lead"})
        for user, code in ((team.lead, 409), (team.admin, 200)):
            client.force_login(user)
            assert client.get(self.at(team, "spot-checks")).status_code == code
