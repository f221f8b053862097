"""Many experts at once, in real threads on the real database: exactly k, nothing lost, nothing doubled."""

import threading
import uuid
from collections import Counter

import pytest
from django.db import connection

from annotation.assignment import decline, next_assignment, release_lapsed, take_slot
from annotation.models import Assignment, Divergence, Involvement, Rating, Response
from annotation.rating import submit_rating
from core.errors import DomainError
from core.models import AuditEvent
from tests.factories.annotation import make_rating_stage
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db(transaction=True)
LABELS = {"verdict": "aligned"}


def at_once(*tasks):
    """Run the tasks in threads that start together; returns what they returned, or raises what one raised."""
    gate, results, errors = threading.Barrier(len(tasks)), [None] * len(tasks), []

    def run(index, task):
        try:
            gate.wait()
            results[index] = task()
        except BaseException as error:
            errors.append(error)
            raise
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    return results


def submit(slot, expert, score=4, submission=None):
    scores = dict.fromkeys(("safety", "helpfulness", "relevance"), score)
    return submit_rating(
        assignment=slot,
        by=expert,
        scores=scores,
        labels=LABELS,
        submission=submission or uuid.uuid4(),
        now=NOW,
    )


class TestManyExperts:
    def test_give_every_response_exactly_k_ratings(self):
        team = make_project(experts=12)
        stage = make_rating_stage(team.project, prompts=20)

        def work(expert):
            count = 0
            while slot := next_assignment(stage=stage, expert=expert, now=NOW):
                submit(slot, expert, score=1 + (expert.pk + slot.response_id) % 5)
                count += 1
            return count

        counts = at_once(*[lambda expert=expert: work(expert) for expert in team.experts])
        assert sum(counts) == Rating.objects.count() == 60
        assert set(Counter(Rating.objects.values_list("response", flat=True)).values()) == {3}
        assert not Response.objects.filter(status=Response.Status.AWAITING_RATINGS).exists()
        assert set(Assignment.objects.values_list("status", flat=True)) == {Assignment.Status.SUBMITTED}
        diverging = Response.objects.filter(status=Response.Status.DIVERGENT).count()
        assert Divergence.objects.count() == diverging > 0
        for divergence in Divergence.objects.all():
            assert divergence.ratings.count() == 3

    def test_who_decline_and_lose_their_leases_leave_nothing_open_or_doubled(self):
        team = make_project(experts=8)
        stage = make_rating_stage(team.project, prompts=10)

        def work(expert):
            while slot := next_assignment(stage=stage, expert=expert, now=NOW):
                if (slot.response_id + expert.pk) % 4 == 0:
                    decline(assignment=slot, by=expert, reason="No.", now=NOW)
                else:
                    submit(slot, expert)
                release_lapsed(now=NOW)

        at_once(*[lambda expert=expert: work(expert) for expert in team.experts])
        for expert in team.experts:  # what was handed back while its last taker had already gone
            work(expert)
        assert not Assignment.objects.filter(status__in=Assignment.ACTIVE).exists()
        assert not Response.objects.filter(status=Response.Status.AWAITING_RATINGS).exists()
        for response in Response.objects.all():
            assert response.ratings.count() <= 3
        pairs = Counter(Involvement.objects.values_list("response", "user"))
        assert set(pairs.values()) == {1}


class TestTheSameSubmit:
    def test_sent_eight_times_at_once_counts_once(self):
        team = make_project(experts=3)
        stage = make_rating_stage(team.project, prompts=1)
        expert = team.experts[0]
        slot, key = next_assignment(stage=stage, expert=expert, now=NOW), uuid.uuid4()
        ratings = at_once(*[lambda: submit(slot, expert, submission=key) for _ in range(8)])
        assert len({rating.pk for rating in ratings}) == Rating.objects.count() == 1
        assert AuditEvent.objects.filter(verb="rating:submit").count() == 1

    def test_from_two_tabs_with_different_forms_counts_once(self):
        team = make_project(experts=3)
        stage = make_rating_stage(team.project, prompts=1)
        expert = team.experts[0]
        slot = next_assignment(stage=stage, expert=expert, now=NOW)

        def one_tab():
            try:
                return submit(slot, expert)
            except DomainError:
                return None

        ratings = at_once(*[one_tab for _ in range(6)])
        assert sum(rating is not None for rating in ratings) == Rating.objects.count() == 1


class TestTheLastRatings:
    def test_submitted_at_once_decide_exactly_once(self):
        team = make_project(experts=3)
        stage = make_rating_stage(team.project, prompts=6)
        for response in list(Response.objects.all()):
            slots = [take_slot(response=response, expert=expert, now=NOW) for expert in team.experts]
            at_once(
                *[
                    lambda slot=slot, expert=expert, score=score: submit(slot, expert, score=score)
                    for slot, expert, score in zip(slots, team.experts, (1, 3, 5), strict=True)
                ]
            )
            response.refresh_from_db()
            assert response.status == Response.Status.DIVERGENT
            assert response.divergences.get().ratings.count() == 3
        assert stage.responses.count() == Divergence.objects.count()


class TestOneExpertInManyTabs:
    def test_holds_one_slot(self):
        team = make_project(experts=1)
        stage = make_rating_stage(team.project, prompts=10)
        expert = team.experts[0]
        slots = at_once(*[lambda: next_assignment(stage=stage, expert=expert, now=NOW) for _ in range(8)])
        assert len({slot.pk for slot in slots}) == 1
        assert Assignment.objects.filter(status=Assignment.Status.LEASED).count() == 1


class TestTheLastOpenSlot:
    def test_goes_to_one_of_those_who_want_it(self):
        team = make_project(experts=9)
        stage = make_rating_stage(team.project, prompts=1)
        slots = at_once(
            *[
                lambda expert=expert: next_assignment(stage=stage, expert=expert, now=NOW)
                for expert in team.experts
            ]
        )
        taken = [slot for slot in slots if slot is not None]
        assert len(taken) == len({slot.pk for slot in taken}) == 3
        assert len({slot.expert_id for slot in taken}) == 3
