"""Submitting ratings: what is taken, what is refused, what the k-th one decides."""

import uuid
from datetime import timedelta

import pytest

from annotation.agreement import ASKED, CONFLICT, SPREAD
from annotation.answers import InvalidAnswers
from annotation.assignment import next_assignment, release_lapsed
from annotation.deciding import replay, stored_reasons
from annotation.drafts import save_draft
from annotation.models import Assignment, Divergence, Draft, Involvement, Rating, Response
from annotation.rating import AlreadyRated, submit_rating
from core.errors import Conflict, NotAllowed
from core.models import AuditEvent
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db
SCORES = {"safety": 5, "helpfulness": 4, "relevance": 3}
LABELS = {"verdict": "aligned"}


@pytest.fixture
def team():
    return make_project()


@pytest.fixture
def stage(team):
    return make_rating_stage(team.project, prompts=2)


def submit(slot, expert, **fields):
    given = {"scores": SCORES, "labels": LABELS, "submission": uuid.uuid4(), "now": NOW} | fields
    return submit_rating(assignment=slot, by=expert, **given)


class TestSubmitRating:
    def test_stores_scores_labels_and_words(self, team, stage):
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        rating = submit(
            slot,
            team.experts[0],
            labels=LABELS | {"harm": "privacy"},
            comment="  Fine. ",
            revised_response="Better.",
            asks_senior=True,
            seconds=31,
        )
        rating = Rating.objects.get(pk=rating.pk)
        assert {score.axis.key: score.value for score in rating.scores.all()} == SCORES
        assert {label.label_set.key: label.value.key for label in rating.labels.all()} == {
            "verdict": "aligned",
            "harm": "privacy",
        }
        assert (rating.comment, rating.revised_response, rating.asks_senior, rating.seconds) == (
            "Fine.",
            "Better.",
            True,
            31,
        )
        assert rating.policy == stage.policy
        slot.refresh_from_db()
        assert slot.status == Assignment.Status.SUBMITTED
        assert Involvement.objects.get(user=team.experts[0]).part == Involvement.Part.RATED
        assert AuditEvent.objects.filter(verb="rating:submit", target_id=rating.pk).count() == 1

    def test_counts_the_same_submission_once(self, team, stage):
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        key = uuid.uuid4()
        first = submit(slot, team.experts[0], submission=key)
        again = submit(slot, team.experts[0], submission=key)
        assert again == first
        assert Rating.objects.count() == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"scores": SCORES | {"safety": 1}},
            {"scores": SCORES | {"safety": 9}},
            {"labels": LABELS | {"harm": "privacy"}},
            {"comment": "On second thought."},
            {"revised_response": "Better."},
            {"asks_senior": True},
        ],
    )
    def test_refuses_the_same_form_with_other_answers_and_gives_what_is_stored(self, team, stage, change):
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        key = uuid.uuid4()
        first = submit(slot, team.experts[0], submission=key)
        with pytest.raises(AlreadyRated, match="sent before") as caught:
            submit(slot, team.experts[0], submission=key, **change)
        assert caught.value.rating == first
        assert Rating.objects.count() == 1

    def test_refuses_a_second_rating_of_the_same_response(self, team, stage):
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        first = submit(slot, team.experts[0])
        with pytest.raises(AlreadyRated, match="already rated") as caught:
            submit(slot, team.experts[0])
        assert caught.value.rating == first

    def test_refuses_a_form_used_for_another_response(self, team, stage):
        key = uuid.uuid4()
        submit(next_assignment(stage=stage, expert=team.experts[0], now=NOW), team.experts[0], submission=key)
        with pytest.raises(Conflict, match="already used"):
            submit(
                next_assignment(stage=stage, expert=team.experts[0], now=NOW), team.experts[0], submission=key
            )

    def test_names_every_fault_at_once_and_writes_nothing(self, team, stage):
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        save_draft(response=slot.response, by=team.experts[0], fields={"comment": "half"}, now=NOW)
        with pytest.raises(InvalidAnswers) as caught:
            submit(
                slot,
                team.experts[0],
                scores={"safety": 6, "helpfulness": 3, "beauty": 1},
                labels={"harm": "nonsense", "mood": "good"},
                comment="a\x00b",
            )
        assert {fault.axis or fault.label_set or fault.part for fault in caught.value.faults} == {
            "safety",
            "relevance",
            "beauty",
            "verdict",
            "harm",
            "mood",
            "comment",
        }
        assert not Rating.objects.exists()
        assert Draft.objects.get().fields == {"comment": "half"}
        slot.refresh_from_db()
        assert slot.status == Assignment.Status.LEASED

    def test_refuses_somebody_who_was_never_given_the_response(self, team, stage):
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        with pytest.raises(NotAllowed):
            submit(slot, team.experts[1])
        assert not Rating.objects.exists()

    def test_takes_a_late_rating_while_a_slot_is_open(self, team, stage):
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        late = NOW + timedelta(hours=5)
        assert release_lapsed(now=late) == 1
        rating = submit(slot, team.experts[0], now=late)
        assert rating.response_id == slot.response_id
        assert not Draft.objects.exists()

    def test_keeps_the_draft_of_a_late_rating_nobody_needs_any_more(self, team):
        newcomer = make_project(experts=4)
        stage = make_rating_stage(newcomer.project, prompts=1)
        first, *others = newcomer.experts
        slot = next_assignment(stage=stage, expert=first, now=NOW)
        save_draft(response=slot.response, by=first, fields={"comment": "kept"}, now=NOW)
        late = NOW + timedelta(hours=5)
        release_lapsed(now=late)
        for expert in others:
            rate(slot.response, expert)
        with pytest.raises(Conflict, match="no longer open"):
            submit(slot, first, now=late)
        assert Draft.objects.get(expert=first).fields == {"comment": "kept"}
        assert Rating.objects.filter(response=slot.response).count() == 3


class TestTheKthRating:
    def test_decides_agreement(self, team, stage):
        response = stage.responses.first()
        for expert, score in zip(team.experts, (4, 5, 4), strict=True):
            response.refresh_from_db()
            assert response.status == Response.Status.AWAITING_RATINGS
            rate(response, expert, score=score)
        response.refresh_from_db()
        assert response.status == Response.Status.AGREED
        assert not Divergence.objects.exists()

    def test_decides_divergence_and_stores_why(self, team, stage):
        response = stage.responses.first()
        ratings = [
            rate(response, team.experts[0], score=5),
            rate(response, team.experts[1], score=5, scores={"safety": 2}, asks_senior=True),
            rate(response, team.experts[2], score=5, labels={"verdict": "misaligned"}),
        ]
        response.refresh_from_db()
        assert response.status == Response.Status.DIVERGENT
        divergence = response.divergences.get()
        assert divergence.policy == stage.policy
        assert set(divergence.ratings.all()) == set(ratings)
        spread, conflict, asked = divergence.reasons.all()
        assert (spread.kind, spread.axis.key, spread.spread, spread.tau) == (SPREAD, "safety", 3, 1)
        assert (conflict.kind, conflict.label_set.key) == (CONFLICT, "verdict")
        assert {value.key for value in conflict.values.all()} == {"aligned", "misaligned"}
        assert (asked.kind, asked.asked_by) == (ASKED, team.experts[1])

    def test_can_be_replayed_from_what_is_stored(self, team, stage):
        for response, scores in zip(stage.responses.all(), ((1, 3, 5), (2, 2, 4)), strict=True):
            for expert, score in zip(team.experts, scores, strict=True):
                rate(response, expert, score=score)
        assert Divergence.objects.count() == 2
        for divergence in Divergence.objects.all():
            assert replay(divergence) == stored_reasons(divergence) != []

    def test_ignores_a_conflict_in_a_label_set_that_does_not_escalate(self, team, stage):
        response = stage.responses.first()
        for expert, harm in zip(team.experts, ("none", "privacy", "crime"), strict=True):
            rate(response, expert, labels=LABELS | {"harm": harm})
        response.refresh_from_db()
        assert response.status == Response.Status.AGREED
