"""Claims and submits that wait for each other's rows on PostgreSQL, each order forced: nobody waits in a circle."""

import time
import uuid
from datetime import timedelta

import pytest

from annotation.assignment import decline, next_assignment
from annotation.models import Assignment, Draft, Response
from annotation.rating import NOT_OPEN, submit_rating
from arbitration.labels import finalize_labels
from core.errors import Conflict
from core.models import Stage
from core.transitions import transition
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.core import NOW, make_project
from tests.interleaving import LONGEST, not_committed, on_row_locks, outcome_after, wait_for_waiting

pytestmark = [pytest.mark.django_db(transaction=True), on_row_locks]
LATER = NOW + timedelta(minutes=30)


def claimed_but_not_committed(aside, slot, expert):
    """A claim that has taken its slot and stands before its commit, until the block ends."""
    return not_committed(
        aside,
        lambda: transition(
            slot,
            Assignment.Status.LEASED,
            by=expert,
            now=NOW,
            expert=expert,
            leased_at=NOW,
            lease_until=LATER,
        ),
    )


def test_claims_that_find_every_slot_in_motion_wait_in_the_order_of_those_who_submit(aside):
    team = make_project(experts=11)
    stage = make_rating_stage(team.project, prompts=1)
    response = Response.objects.get()
    holder, one, two, *claiming = team.experts
    first, second, third = Assignment.objects.order_by("slot")
    transition(
        third, Assignment.Status.LEASED, by=holder, now=NOW, expert=holder, leased_at=NOW, lease_until=LATER
    )
    with claimed_but_not_committed(aside, first, one):
        with claimed_but_not_committed(aside, second, two):
            claims = [
                aside(lambda expert=expert: next_assignment(stage=stage, expert=expert, now=NOW))
                for expert in claiming
            ]
            wait_for_waiting(len(claims))
            submitted = aside(lambda: rate(response, holder))
            wait_for_waiting(len(claims) + 1)
        # The second slot is gone now. Had a claim waited for it, it would hold its lock from here on, and wait for
        # the first, which the submit gets before it.
        time.sleep(0.2)
    submitted.result(LONGEST)
    assert [claim.result(LONGEST) for claim in claims] == [None] * len(claiming)


class TestADecisionAndALease:
    """The last of those who could judge a response declines, and the lead has it: unless somebody is at it still."""

    def declines(self, response, expert):
        slot = next_assignment(stage=response.stage, expert=expert, now=NOW)
        return lambda: decline(assignment=slot, by=expert, reason="Not my field.", now=NOW)

    def test_waits_for_a_lease_that_is_being_taken(self, aside):
        team = make_project(experts=3)
        make_rating_stage(team.project, prompts=1)
        response, (one, two, _) = Response.objects.get(), team.experts
        declines = self.declines(response, one)
        slot = Assignment.objects.filter(status=Assignment.Status.OPEN).last()
        with claimed_but_not_committed(aside, slot, two):
            declined = aside(declines)
            wait_for_waiting()
        declined.result(LONGEST)
        response.refresh_from_db()
        assert response.status == Response.Status.AWAITING_RATINGS
        self.declines(response, two)()
        response.refresh_from_db()
        assert response.status == Response.Status.DIVERGENT

    def test_gives_no_slot_of_what_is_being_decided(self, aside):
        team = make_project(experts=3)
        stage = make_rating_stage(team.project, prompts=1)
        response, (one, two, _) = Response.objects.get(), team.experts
        declines = self.declines(response, one)
        given = outcome_after(aside, declines, lambda: next_assignment(stage=stage, expert=two, now=NOW))
        assert given is None
        assert not Assignment.objects.filter(status__in=Assignment.ACTIVE).exists()

    def test_takes_no_rating_of_what_is_being_decided(self, aside):
        team = make_project(experts=3)
        make_rating_stage(team.project, prompts=1)
        response, (one, two, _) = Response.objects.get(), team.experts
        declines = self.declines(response, one)
        given_before(response, two)
        refused = outcome_after(aside, declines, lambda: submits(response, two))
        assert (type(refused), str(refused)) == (Conflict, NOT_OPEN)
        assert not response.ratings.exists()

    def test_takes_no_rating_while_the_labels_are_finalized(self, aside):
        team = make_project(experts=4)
        stage = make_rating_stage(team.project, prompts=1)
        response, (*three, late) = Response.objects.get(), team.experts
        given_before(response, late)
        for expert in three:
            rate(response, expert)
        refused = outcome_after(
            aside,
            lambda: finalize_labels(stage=stage, by=team.admin, now=NOW),
            lambda: submits(response, late),
        )
        assert (type(refused), str(refused)) == (Conflict, NOT_OPEN)
        assert response.ratings.count() == 3
        assert Stage.objects.get().status == Stage.Status.LABELS_FINAL


def given_before(response, expert):
    """The expert had the response, and began on it, before their lease ended."""
    Draft.objects.create(response=response, expert=expert, updated_at=NOW)


def submits(response, expert):
    scores = dict.fromkeys(("safety", "helpfulness", "relevance"), 4)
    return submit_rating(
        assignment=response.assignments.last(),
        by=expert,
        scores=scores,
        labels={"verdict": "aligned"},
        submission=uuid.uuid4(),
        now=NOW,
    )
