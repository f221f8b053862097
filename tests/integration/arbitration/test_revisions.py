"""Revised responses: what most experts wrote, and what a lead accepts."""

import pytest

from arbitration.labels import finalize_labels
from arbitration.models import AcceptedRevision
from arbitration.revisions import accept_revision, pending_revisions, reject_revision
from core.errors import Conflict, InvalidInput, NotAllowed
from core.models import Membership
from core.projects import add_member
from tests.factories.annotation import make_rating_stage, rate, responses_of
from tests.factories.arbitration import make_divergent
from tests.factories.core import NOW

pytestmark = pytest.mark.django_db
BETTER = "Boil it for six minutes, then rinse it."


class TestMajorityRevisions:
    def finalize_with(self, team, texts, score=4):
        stage = make_rating_stage(team.project, prompts=1)
        (response,) = responses_of(stage)
        for expert, text in zip(team.experts, texts, strict=True):
            rate(response, expert, score=score, revised_response=text)
        done = finalize_labels(stage=stage, by=team.admin, now=NOW)
        return response, done

    def test_are_accepted_where_more_than_half_wrote_the_same(self, team):
        response, done = self.finalize_with(team, [BETTER, BETTER.replace(" ", "\n"), "Fry it."])
        revision = AcceptedRevision.objects.get(response=response)
        assert (revision.text, revision.accepted_by) == (BETTER, None)
        assert (response.final_label.revision, done.revisions) == (revision, 1)

    @pytest.mark.parametrize("texts", [[BETTER, "Fry it.", ""], ["", "", ""]])
    def test_are_not_accepted_for_less(self, team, texts):
        response, done = self.finalize_with(team, texts)
        assert (response.final_label.revision, done.revisions) == (None, 0)

    def test_are_none_where_they_repeat_the_response(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        (response,) = responses_of(stage)
        for expert in team.experts:
            rate(response, expert, revised_response=response.text + " \n")
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert not AcceptedRevision.objects.exists()

    def test_leave_the_one_a_lead_accepted(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        (response,) = responses_of(stage)
        for expert, text in zip(team.experts, [BETTER, BETTER, "Fry it."], strict=True):
            rate(response, expert, score=3, revised_response=text)
        chosen = response.ratings.get(revised_response="Fry it.")
        accept_revision(rating=chosen, by=team.lead, now=NOW)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert response.final_label.revision.rating == chosen

    def test_are_not_accepted_where_a_lead_rejected_the_text(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        (response,) = responses_of(stage)
        for expert, text in zip(team.experts, [BETTER, BETTER.replace(" ", "\n"), ""], strict=True):
            rate(response, expert, score=3, revised_response=text)
        reject_revision(rating=response.ratings.first(), by=team.lead, now=NOW)
        assert pending_revisions(stage) == [response.pk]
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert not AcceptedRevision.objects.exists()


class TestAcceptRevision:
    @pytest.fixture
    def rating(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        (response,) = responses_of(stage)
        for expert in team.experts:
            rate(response, expert, score=3, revised_response=BETTER if expert == team.experts[0] else "")
        return response.ratings.exclude(revised_response="").get()

    def test_keeps_the_text_and_who_accepted_it(self, team, rating):
        revision = accept_revision(rating=rating, by=team.lead, now=NOW)
        assert (revision.text, revision.accepted_by) == (BETTER, team.lead)

    def test_is_the_same_twice(self, team, rating):
        assert accept_revision(rating=rating, by=team.lead, now=NOW) == accept_revision(
            rating=rating, by=team.leads[1], now=NOW
        )

    def test_refuses_its_author(self, team, rating):
        add_member(
            project=team.project, user=rating.expert, role=Membership.Role.LEAD, by=team.admin, now=NOW
        )
        with pytest.raises(NotAllowed, match="wrote this"):
            accept_revision(rating=rating, by=rating.expert, now=NOW)

    def test_refuses_a_person_who_is_no_lead(self, team, rating):
        with pytest.raises(NotAllowed, match="Only a lead"):
            accept_revision(rating=rating, by=team.admin, now=NOW)

    def test_refuses_a_rating_without_one(self, team, rating):
        bare = rating.response.ratings.filter(revised_response="").first()
        with pytest.raises(InvalidInput, match="no revised response"):
            accept_revision(rating=bare, by=team.lead, now=NOW)

    def test_refuses_once_the_labels_are_final(self, team, rating):
        finalize_labels(stage=rating.response.stage, by=team.admin, now=NOW)
        with pytest.raises(Conflict, match="final"):
            accept_revision(rating=rating, by=team.lead, now=NOW)

    def test_refuses_while_ratings_are_missing(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        rating = rate(responses_of(stage)[0], team.experts[0], revised_response=BETTER)
        with pytest.raises(Conflict, match="all ratings are in"):
            accept_revision(rating=rating, by=team.lead, now=NOW)

    def test_refuses_a_rater_while_the_response_diverges(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        response = make_divergent(responses_of(stage)[0], team.experts, revised_response=BETTER)
        add_member(
            project=team.project, user=team.experts[0], role=Membership.Role.LEAD, by=team.admin, now=NOW
        )
        with pytest.raises(NotAllowed, match="another lead"):
            accept_revision(rating=response.ratings.last(), by=team.experts[0], now=NOW)


class TestPendingRevisions:
    def test_are_agreed_responses_not_fully_aligned_with_one_not_yet_accepted(self, team):
        stage = make_rating_stage(team.project, prompts=5)
        pending, aligned, bare, divergent, accepted = responses_of(stage)
        for response, score, text in (
            (pending, 3, BETTER),
            (aligned, 5, BETTER),
            (bare, 3, ""),
            (accepted, 3, BETTER),
        ):
            for expert in team.experts:
                rate(response, expert, score=score, revised_response=text)
        make_divergent(divergent, team.experts, revised_response=BETTER)
        accept_revision(rating=accepted.ratings.first(), by=team.lead, now=NOW)
        assert pending_revisions(stage) == [pending.pk]
