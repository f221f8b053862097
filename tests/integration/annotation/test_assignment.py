"""The hand-out: everyone gets what they may judge, nobody twice, and what comes back is found again."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from annotation import looking
from annotation.agreement import UNJUDGEABLE
from annotation.assignment import decline, next_assignment, release_lapsed
from annotation.deciding import escalate_unjudgeable
from annotation.drafts import save_draft
from annotation.models import Assignment, Draft, Involvement, QueueCursor, Response
from annotation.tasks import sweep
from core.errors import Conflict, InvalidInput
from core.models import Membership, Stage
from core.projects import add_member, remove_member
from core.transitions import transition
from tests.factories.annotation import make_prompts, make_rating_stage, make_responses, make_stage, rate
from tests.factories.core import NOW, make_project, make_user

pytestmark = pytest.mark.django_db
LATE = NOW + timedelta(hours=5)


@pytest.fixture
def team():
    return make_project(experts=4)


@pytest.fixture
def stage(team):
    return make_rating_stage(team.project, prompts=6)


def hand_out(stage, expert, now=NOW):
    return next_assignment(stage=stage, expert=expert, now=now)


def judge_everything(stage, expert, now=NOW):
    """Rate until nothing is left; returns the responses in the order in which they came."""
    came = []
    while slot := hand_out(stage, expert, now=now):
        rate(slot.response, expert, now=now)
        came.append(slot.response_id)
    return came


class TestNextAssignment:
    def test_leases_a_slot_to_the_expert(self, team, stage, settings):
        slot = hand_out(stage, team.experts[0])
        slot.refresh_from_db()
        assert (slot.status, slot.expert) == (Assignment.Status.LEASED, team.experts[0])
        assert slot.lease_until == NOW + timedelta(minutes=settings.ASSIGNMENT_LEASE_MINUTES)

    def test_gives_the_same_slot_again_and_renews_its_lease(self, team, stage):
        first = hand_out(stage, team.experts[0])
        again = hand_out(stage, team.experts[0], now=NOW + timedelta(minutes=10))
        again.refresh_from_db()
        assert again.pk == first.pk
        assert again.lease_until > first.lease_until

    def test_gives_every_expert_every_response_at_most_once_and_nothing_above_k(self, team, stage):
        came = {expert: judge_everything(stage, expert) for expert in team.experts}
        for responses in came.values():
            assert len(responses) == len(set(responses))
        assert sum(len(responses) for responses in came.values()) == 6 * 3
        assert len(came[team.experts[0]]) == 6
        assert not Response.objects.filter(status=Response.Status.AWAITING_RATINGS).exists()

    def test_has_what_is_begun_finished_first(self, team, stage):
        for expert in team.experts[:3]:
            for _ in range(2):
                rate(hand_out(stage, expert).response, expert)
        counts = Counter(response.ratings.count() for response in stage.responses.all())
        assert counts == {3: 2, 0: 4}

    def test_gives_nothing_outside_rating(self, team):
        make_prompts(team.project, count=1)
        stage = make_stage(team.project, model_name="m")
        make_responses(stage)
        assert hand_out(stage, team.experts[0]) is None
        assert not Assignment.objects.exclude(status=Assignment.Status.OPEN).exists()

    def test_serves_every_stage_from_its_own_responses(self, team, stage):
        other = make_project(experts=1)
        other_stage = make_rating_stage(other.project, prompts=1)
        add_member(project=other.project, user=team.experts[0], role=Membership.Role.EXPERT, by=None, now=NOW)
        assert hand_out(other_stage, team.experts[0]).stage_id == other_stage.pk
        assert hand_out(stage, team.experts[0]).stage_id == stage.pk

    def test_keeps_the_cursor_of_an_expert_far_ahead_close_behind_them(self):
        team = make_project(experts=1)
        stage = make_rating_stage(team.project, prompts=80)
        expert = team.experts[0]
        lag = []
        positions = list(Response.objects.order_by("position").values_list("position", flat=True))
        done = set()
        while slot := hand_out(stage, expert):
            cursor = QueueCursor.objects.get(expert=expert)
            lag.append(sum(position >= cursor.position for position in done))
            rate(slot.response, expert)
            done.add(slot.position)
        assert len(done) == len(positions) == 80
        assert max(lag) < 60
        assert QueueCursor.objects.get(expert=expert).position == QueueCursor.END

    def test_finds_an_open_slot_behind_every_cursor_after_a_lapse(self, team, stage):
        """The expert whose lease ended may be the only one who can still take the response's other slots."""
        lost, *others = team.experts
        slot = hand_out(stage, lost)
        # While it is held, its holder's own cursor passes it by.
        for response in Response.objects.exclude(pk=slot.response_id):
            rate(response, lost)
        QueueCursor.objects.filter(expert=lost).update(position=QueueCursor.END)
        assert release_lapsed(now=LATE) == 1
        # Another expert takes exactly the slot that came back.
        taken = Assignment.objects.get(pk=slot.pk)
        transition(
            taken,
            Assignment.Status.LEASED,
            by=others[0],
            now=LATE,
            expert=others[0],
            lease_until=LATE + timedelta(hours=1),
        )
        found = hand_out(stage, lost, now=LATE)
        assert found is not None
        assert found.response_id == slot.response_id

    def test_takes_up_lapsed_leases_itself_before_it_says_that_nothing_is_left(self):
        team = make_project(experts=2)
        stage = make_rating_stage(team.project, prompts=1)
        holder, waiting = team.experts
        response = Response.objects.get()
        hand_out(stage, holder)
        Assignment.objects.filter(response=response, status=Assignment.Status.OPEN).delete()
        assert hand_out(stage, waiting) is None
        assert hand_out(stage, waiting, now=LATE) is not None

    def test_says_how_much_falls_to_the_expert(self, team, stage):
        hand_out(stage, team.experts[0])
        assert QueueCursor.objects.get().share == -(-6 * 3 // 4)


class TestReleaseLapsed:
    def test_reopens_the_slot_and_keeps_the_draft(self, team, stage):
        slot = hand_out(stage, team.experts[0])
        save_draft(response=slot.response, by=team.experts[0], fields={"comment": "x"}, now=NOW)
        assert release_lapsed(now=NOW + timedelta(minutes=5)) == 0
        assert release_lapsed(now=LATE) == 1
        slot.refresh_from_db()
        assert (slot.status, slot.expert, slot.reopened_at) == (Assignment.Status.OPEN, None, LATE)
        assert Draft.objects.get().fields == {"comment": "x"}

    def test_twice_is_the_same_as_once(self, team, stage):
        hand_out(stage, team.experts[0])
        assert [release_lapsed(now=LATE), release_lapsed(now=LATE)] == [1, 0]


class TestDecline:
    def test_frees_the_slot_for_another_and_not_for_the_same_expert(self, team, stage):
        expert = team.experts[0]
        slot = hand_out(stage, expert)
        decline(assignment=slot, by=expert, reason=" No idea. ", now=NOW)
        slot.refresh_from_db()
        assert slot.status == Assignment.Status.OPEN
        involvement = Involvement.objects.get()
        assert (involvement.part, involvement.reason) == (Involvement.Part.DECLINED, "No idea.")
        assert slot.response_id not in judge_everything(stage, expert)
        for other in team.experts[1:]:
            assert slot.response_id in judge_everything(stage, other)

    @pytest.mark.parametrize("reason", ["  ", "x" * 50_001, "not my\x00 field", "not my \ud800field"])
    def test_asks_for_a_reason_that_can_be_kept(self, team, stage, reason):
        slot = hand_out(stage, team.experts[0])
        with pytest.raises(InvalidInput):
            decline(assignment=slot, by=team.experts[0], reason=reason, now=NOW)
        slot.refresh_from_db()
        assert slot.status == Assignment.Status.LEASED

    def test_twice_is_the_same_as_once(self, team, stage):
        slot = hand_out(stage, team.experts[0])
        first = decline(assignment=slot, by=team.experts[0], reason="No.", now=NOW)
        assert decline(assignment=slot, by=team.experts[0], reason="No!", now=NOW) == first

    def test_is_refused_to_those_who_do_not_hold_the_slot(self, team, stage):
        slot = hand_out(stage, team.experts[0])
        with pytest.raises(Conflict):
            decline(assignment=slot, by=team.experts[1], reason="No.", now=NOW)

    def test_sends_to_a_lead_what_too_few_can_judge(self, team, stage):
        response = stage.responses.first()
        rate(response, team.experts[0])
        for expert in team.experts[1:3]:
            slot = Assignment.objects.filter(response=response, status=Assignment.Status.OPEN).first()
            transition(slot, Assignment.Status.LEASED, by=expert, now=NOW, expert=expert, lease_until=LATE)
            decline(assignment=slot, by=expert, reason="No.", now=NOW)
        response.refresh_from_db()
        assert response.status == Response.Status.DIVERGENT
        assert [reason.kind for reason in response.divergences.get().reasons.all()] == [UNJUDGEABLE]
        assert response.divergences.get().ratings.count() == 1
        statuses = set(response.assignments.values_list("status", flat=True))
        assert statuses == {Assignment.Status.SUBMITTED, Assignment.Status.CLOSED}

    def test_waits_for_those_who_are_at_it(self, team, stage):
        response = stage.responses.first()
        at_it, *declining = team.experts[:3]
        for expert in (at_it, *declining):
            slot = Assignment.objects.filter(response=response, status=Assignment.Status.OPEN).first()
            transition(slot, Assignment.Status.LEASED, by=expert, now=NOW, expert=expert, lease_until=LATE)
        for expert in declining:
            slot = Assignment.objects.get(response=response, expert=expert)
            decline(assignment=slot, by=expert, reason="No.", now=NOW)
        response.refresh_from_db()
        assert response.status == Response.Status.AWAITING_RATINGS
        rate(response, at_it)
        response.refresh_from_db()
        assert response.status == Response.Status.DIVERGENT


class TestEscalateUnjudgeable:
    def test_finds_what_a_departure_made_hopeless(self, team, stage):
        slot = hand_out(stage, team.experts[0])
        decline(assignment=slot, by=team.experts[0], reason="No.", now=NOW)
        assert escalate_unjudgeable(now=NOW) == 0
        remove_member(
            project=team.project, user=team.experts[3], role=Membership.Role.EXPERT, by=team.admin, now=NOW
        )
        assert escalate_unjudgeable(now=NOW) == 1
        slot.response.refresh_from_db()
        assert slot.response.status == Response.Status.DIVERGENT

    def test_leaves_alone_what_nobody_declined(self, stage):
        assert escalate_unjudgeable(now=NOW) == 0


class TestTheHandOutQuery:
    """What keeps the cost flat is that the database walks the slots' own indexes and sorts no page."""

    def plan(self, stage, expert, reopened):
        captured = []

        def capture(execute, sql, params, many, context):
            captured.append((sql, params))
            return execute(sql, params, many, context)

        QueueCursor.objects.create(position=QueueCursor.END if reopened else 5, stage=stage, expert=expert)
        with connection.execute_wrapper(capture):
            looking.look(stage, expert)
        sql, params = captured[-1 if reopened else 0]
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL enable_seqscan = off")
                cursor.execute("SET LOCAL enable_bitmapscan = off")
                cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute(explain + sql, params)
            return "\n".join(str(row) for row in cursor.fetchall())

    @pytest.mark.parametrize("reopened, index", [(False, "slot_open"), (True, "slot_reopened")])
    def test_walks_the_partial_index(self, team, stage, reopened, index):
        plan = self.plan(stage, make_user(), reopened)
        assert index in plan
        # What an expert holds is sorted too, and is hardly ever more than one slot; the page comes in order.
        assert (plan.count("TEMP B-TREE") + plan.count("Sort Key")) <= 1


class TestSweep:
    def test_reopens_lapsed_slots(self, team, stage, now):
        slot = hand_out(stage, team.experts[0], now=now - timedelta(hours=9))
        sweep()
        slot.refresh_from_db()
        assert slot.status == Assignment.Status.OPEN


def test_a_stage_left_for_good_hands_out_nothing(team, stage):
    transition(stage, Stage.Status.LABELS_FINAL, by=None, now=NOW)
    assert hand_out(stage, team.experts[0]) is None
