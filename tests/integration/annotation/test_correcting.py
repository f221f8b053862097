"""An expert takes a rating back or corrects it: nothing is overwritten, and what came of it is found again."""

import uuid
from datetime import timedelta

import pytest

from annotation.agreement import ASKED, SPREAD
from annotation.answers import InvalidAnswers, load_answers
from annotation.assignment import next_assignment, release_lapsed
from annotation.correcting import FINAL, NOT_YOURS, correct_rating, withdraw_rating
from annotation.deciding import replay, stored_reasons
from annotation.models import Assignment, Divergence, Draft, Involvement, Rating, Response
from annotation.rating import OUTDATED, submit_rating
from arbitration.labels import finalize_labels
from core.errors import Conflict, NotAllowed
from core.models import AuditEvent
from tests.factories.annotation import rate, rate_all
from tests.factories.arbitration import required_labels
from tests.factories.core import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=2)


def correct(rating, score=4, scores=None, **fields):
    rubric = rating.policy.rubric
    return correct_rating(
        rating=rating,
        by=fields.pop("by", rating.expert),
        scores={axis.key: score for axis in rubric.axes.all()} | (scores or {}),
        labels=required_labels(rating.policy),
        submission=fields.pop("submission", None) or uuid.uuid4(),
        now=NOW,
        **fields,
    )


@pytest.fixture
def response(stage):
    return Response.objects.filter(stage=stage).order_by("position").first()


@pytest.fixture
def ratings(response, team):
    return [rate(response, expert, score=4, comment="Good.") for expert in team.experts[:3]]


def status(response):
    return Response.objects.get(pk=response.pk).status


class TestWithdrawRating:
    def test_gives_the_slot_back_with_the_answers_as_a_draft(self, response, team, ratings):
        slot = withdraw_rating(rating=ratings[1], by=team.experts[1], now=NOW)
        assert (slot.status, slot.expert) == (Assignment.Status.LEASED, team.experts[1])
        draft = Draft.objects.get()
        assert (draft.fields["score-safety"], draft.fields["comment"]) == ("4", "Good.")
        assert draft.replaces == ratings[1]
        assert status(response) == Response.Status.AWAITING_RATINGS
        assert ratings[1] not in Rating.objects.current()
        assert AuditEvent.objects.filter(verb="rating:withdraw", actor=team.experts[1]).count() == 1

    def test_is_followed_by_a_rating_that_supersedes_it(self, response, team, ratings):
        withdraw_rating(rating=ratings[1], by=team.experts[1], now=NOW)
        slot = next_assignment(stage=response.stage, expert=team.experts[1], now=NOW)
        again = submit_rating(
            assignment=slot,
            by=team.experts[1],
            scores={"safety": 5, "helpfulness": 4, "relevance": 4},
            labels=required_labels(response.stage.policy),
            submission=uuid.uuid4(),
            now=NOW,
        )
        assert again.supersedes == ratings[1]
        assert status(response) == Response.Status.AGREED
        assert Rating.objects.current().filter(response=response).count() == 3
        assert Involvement.objects.filter(response=response).count() == 3

    def test_comes_before_what_the_expert_had_been_handed_since(self, stage, response, team, ratings):
        held = next_assignment(stage=stage, expert=team.experts[1], now=NOW + timedelta(minutes=1))
        slot = withdraw_rating(rating=ratings[1], by=team.experts[1], now=NOW)
        assert held.pk != slot.pk
        assert next_assignment(stage=stage, expert=team.experts[1], now=NOW).pk == slot.pk

    def test_twice_is_once(self, team, ratings):
        first = withdraw_rating(rating=ratings[1], by=team.experts[1], now=NOW)
        assert withdraw_rating(rating=ratings[1], by=team.experts[1], now=NOW).pk == first.pk
        assert AuditEvent.objects.filter(verb="rating:withdraw").count() == 1

    def test_left_alone_goes_to_anybody_who_has_no_part_in_it(self, response, team, ratings):
        withdraw_rating(rating=ratings[1], by=team.experts[1], now=NOW)
        assert release_lapsed(now=LATER) == 1
        rate(response, team.experts[3], now=LATER)
        assert status(response) == Response.Status.AGREED
        with pytest.raises(Conflict):
            withdraw_rating(rating=ratings[1], by=team.experts[1], now=LATER)

    def test_is_refused_for_anothers_rating_and_once_labels_are_final(self, stage, team):
        rate_all(stage, team.experts[:3])
        rating = Rating.objects.filter(expert=team.experts[0]).first()
        with pytest.raises(NotAllowed, match=NOT_YOURS):
            withdraw_rating(rating=rating, by=team.experts[1], now=NOW)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        with pytest.raises(Conflict, match=FINAL):
            withdraw_rating(rating=rating, by=team.experts[0], now=NOW)


class TestCorrectRating:
    def test_supersedes_the_old_one_and_overwrites_nothing(self, response, team, ratings):
        new = correct(ratings[0], scores={"safety": 5}, comment="Better.")
        old = Rating.objects.get(pk=ratings[0].pk)
        assert (new.supersedes, new.assignment) == (old, old.assignment)
        assert (old.comment, old.superseded_at) == ("Good.", NOW)
        given = load_answers(Rating, [old.pk, new.pk])
        assert sorted(set(given[old.pk].scores.values())) == [4]
        assert sorted(set(given[new.pk].scores.values())) == [4, 5]
        assert set(Rating.objects.current()) == {new, *ratings[1:]}
        assert status(response) == Response.Status.AGREED

    def test_finds_the_divergence_anew(self, response, team, ratings):
        new = correct(ratings[0], scores={"safety": 1})
        assert status(response) == Response.Status.DIVERGENT
        found = Divergence.objects.get()
        assert [reason.kind for reason in found.reasons.all()] == [SPREAD]
        assert new in found.ratings.all() and ratings[0] not in found.ratings.all()
        again = correct(new, scores={"safety": 1}, asks_senior=True)
        assert [reason.kind for reason in Divergence.objects.current().get().reasons.all()] == [SPREAD, ASKED]
        correct(again)
        assert status(response) == Response.Status.AGREED
        assert not Divergence.objects.current().exists()
        for each in Divergence.objects.all():
            assert replay(each) == stored_reasons(each) != []

    def test_leaves_a_response_that_waits_waiting(self, response, team):
        correct(rate(response, team.experts[0]), score=1)
        assert status(response) == Response.Status.AWAITING_RATINGS
        assert Rating.objects.current().get().scores.first().value == 1

    def test_with_the_same_form_or_the_same_answers_is_one(self, team, ratings):
        key = uuid.uuid4()
        new = correct(ratings[0], score=5, submission=key)
        assert correct(ratings[0], score=5, submission=key) == new
        assert correct(new, score=5) == new
        assert Rating.objects.count() == 4

    def test_of_what_was_corrected_in_another_tab_is_refused(self, team, ratings):
        correct(ratings[0], score=5)
        with pytest.raises(Conflict, match=OUTDATED):
            correct(ratings[0], score=3)

    def test_with_faults_changes_nothing(self, response, ratings):
        with pytest.raises(InvalidAnswers):
            correct(ratings[0], score=9)
        assert Rating.objects.current().count() == 3

    def test_is_counted_once_by_what_reads_ratings(self, stage, team):
        responses = list(Response.objects.filter(stage=stage))
        rate_all(stage, team.experts[:3])
        for rating in Rating.objects.filter(expert=team.experts[0]):
            correct(rating, score=5)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        for response in responses:
            assert response.final_label.ratings.count() == 3
            assert {score.value for score in response.final_label.scores.all()} == {13 / 3}
