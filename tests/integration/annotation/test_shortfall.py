"""An expert has left, is ill, or is too slow: what becomes of the ratings that are missing."""

import uuid
from datetime import timedelta

import pytest

from annotation.assignment import call_in, next_assignment, release_lapsed, take_slot
from annotation.deciding import replay, stored_reasons
from annotation.drafts import save_draft
from annotation.models import Assignment, Draft, Response, Shortfall
from annotation.rating import submit_rating
from annotation.shortfall import (
    count_fewer,
    count_fewer_of,
    escalate_the_left,
    let_the_lead_decide,
    settle_next,
    settle_shortfalls,
)
from core.errors import Conflict, InvalidInput
from core.models import AuditEvent
from core.projects import remove_member
from tests.factories.annotation import make_rating_stage, rate, responses_of
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db
Status = Response.Status
SOON, LATER = NOW + timedelta(hours=3), NOW + timedelta(days=2)


@pytest.fixture
def team():
    return make_project(experts=4)


@pytest.fixture
def stage(team):
    return make_rating_stage(team.project, prompts=4)


def statuses(stage):
    return [response.status for response in responses_of(stage)]


def slots(response):
    """Their statuses, sorted: whichever slot is free is handed out."""
    return sorted(Assignment.objects.filter(response=response).values_list("status", flat=True))


class TestCallIn:
    def test_gives_the_slot_back_keeps_the_draft_and_notes_that_the_expert_is_to_be_told(self, team, stage):
        expert = team.experts[0]
        slot = next_assignment(stage=stage, expert=expert, now=NOW)
        save_draft(response=slot.response, by=expert, fields={"comment": "half a"}, now=NOW)
        call_in(assignment=slot, by=team.admin, now=NOW)
        assert slots(slot.response) == ["open"] * 3
        draft = Draft.objects.get()
        assert (draft.fields, draft.called_in_at) == ({"comment": "half a"}, NOW)
        event = AuditEvent.objects.latest("pk")
        assert (event.actor, event.params) == (team.admin, {"because": "called_in"})

    def test_counts_what_is_submitted_all_the_same_while_the_slot_is_free(self, team, stage):
        expert = team.experts[0]
        slot = next_assignment(stage=stage, expert=expert, now=NOW)
        call_in(assignment=slot, by=team.admin, now=NOW)
        rate(slot.response, team.experts[1])
        keys = [axis.key for axis in stage.policy.rubric.axes.all()]
        labels = {each.key: each.values.all()[0].key for each in stage.policy.rubric.label_sets.all()}
        submit_rating(
            assignment=slot,
            by=expert,
            scores=dict.fromkeys(keys, 4),
            labels=labels,
            submission=uuid.uuid4(),
            now=NOW,
        )
        assert slots(slot.response).count("submitted") == 2
        assert not Draft.objects.exists()

    def test_refuses_what_nobody_holds_any_more(self, team, stage):
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        call_in(assignment=slot, by=team.admin, now=NOW)
        with pytest.raises(Conflict, match="Nobody holds"):
            call_in(assignment=slot, by=team.admin, now=NOW)


class TestCountFewer:
    def test_decides_by_the_rule_what_is_complete_with_fewer(self, team, stage):
        agreed, apart, one, none = responses_of(stage)
        for response, scores in ((agreed, (4, 4)), (apart, (1, 5)), (one, (4,))):
            for expert, score in zip(team.experts, scores, strict=False):
                rate(response, expert, score=score)
        shortfall = count_fewer(
            stage=stage, ratings_per_response=2, reason="Cleo is ill.", by=team.admin, now=NOW
        )
        assert statuses(stage) == [
            Status.AGREED,
            Status.DIVERGENT,
            Status.AWAITING_RATINGS,
            Status.AWAITING_RATINGS,
        ]
        assert slots(agreed) == ["closed", "submitted", "submitted"]
        assert slots(one) == ["closed", "open", "submitted"]
        assert slots(none) == ["closed", "open", "open"]
        shortfall.refresh_from_db()
        assert (shortfall.former, shortfall.moved, shortfall.settled_at) == (3, 2, NOW)
        assert replay(apart.divergences.get()) == stored_reasons(apart.divergences.get())
        rate(one, team.experts[1])
        assert statuses(stage)[2] == Status.AGREED
        event = AuditEvent.objects.get(verb="stage:shortfall")
        assert (event.detail, event.params["former"], event.params["ratings"]) == ("Cleo is ill.", 3, 2)

    def test_calls_in_the_slot_of_one_who_is_no_longer_waited_for(self, team, stage):
        (response, *_) = responses_of(stage)
        for expert in team.experts[:2]:
            rate(response, expert)
        take_slot(response=response, expert=team.experts[2], now=NOW)
        count_fewer(stage=stage, ratings_per_response=2, reason="Enough.", by=team.admin, now=NOW)
        assert (statuses(stage)[0], slots(response)) == (Status.AGREED, ["closed", "submitted", "submitted"])
        assert Draft.objects.get().called_in_at == NOW

    def test_leaves_a_slot_to_whoever_holds_it_as_long_as_it_is_wanted(self, team, stage):
        (response, *_) = responses_of(stage)
        take_slot(response=response, expert=team.experts[2], now=NOW)
        count_fewer(stage=stage, ratings_per_response=1, reason="Enough.", by=team.admin, now=NOW)
        assert slots(response) == ["closed", "closed", "leased"]
        rate(response, team.experts[2])
        assert statuses(stage)[0] == Status.AGREED

    def test_holds_for_what_was_not_looked_through_yet(self, team, stage):
        """A stage of any size: what happens to a response before its turn comes follows the new k already."""
        response = responses_of(stage)[-1]
        stage.ratings_per_response = 2
        stage.save()
        for expert in team.experts[:2]:
            rate(response, expert)
        assert slots(response) == ["closed", "submitted", "submitted"]
        assert statuses(stage)[-1] == Status.AGREED

    def test_goes_on_in_batches_by_the_sweep(self, team, monkeypatch):
        monkeypatch.setattr("annotation.shortfall.BATCH", 2)
        stage = make_rating_stage(team.project, prompts=5)
        for response in responses_of(stage):
            for expert in team.experts[:2]:
                rate(response, expert)
        shortfall = count_fewer(stage=stage, ratings_per_response=2, reason="Go.", by=team.admin, now=NOW)
        assert statuses(stage).count(Status.AGREED) == 2
        assert settle_shortfalls(clock=lambda: NOW) == 2
        assert statuses(stage) == [Status.AGREED] * 5
        assert Shortfall.objects.get().moved == 5
        assert settle_shortfalls(clock=lambda: NOW) == 0 and not settle_next(shortfall, now=NOW)

    def test_says_what_it_takes(self, team, stage):
        for k, reason, words in (
            (3, "Ill.", "from 1 to 2"),
            (0, "Ill.", "from 1 to 2"),
            (2, " ", "Say in a sentence"),
        ):
            with pytest.raises(InvalidInput, match=words):
                count_fewer(stage=stage, ratings_per_response=k, reason=reason, by=team.admin, now=NOW)
        assert not Shortfall.objects.exists()

    def test_can_be_for_one_response(self, team, stage):
        one, other, *_ = responses_of(stage)
        for expert in team.experts[:2]:
            rate(one, expert)
        count_fewer_of(response=one, ratings_needed=2, reason="Only two read Thai.", by=team.admin, now=NOW)
        assert (statuses(stage)[:2], slots(other)) == ([Status.AGREED, Status.AWAITING_RATINGS], ["open"] * 3)
        with pytest.raises(Conflict, match="awaits no ratings"):
            count_fewer_of(response=one, ratings_needed=1, reason="Again.", by=team.admin, now=NOW)


class TestLetTheLeadDecide:
    def test_sends_what_is_begun_to_the_lead_and_leaves_the_rest(self, team, stage):
        two, held, none, done = responses_of(stage)
        for expert in team.experts[:2]:
            rate(two, expert)
        for expert in team.experts[:3]:
            rate(done, expert)
        rate(held, team.experts[0])
        take_slot(response=held, expert=team.experts[1], now=NOW)
        let_the_lead_decide(stage=stage, at_least=1, reason="Deadline.", by=team.admin, now=NOW)
        assert statuses(stage) == [Status.DIVERGENT, Status.DIVERGENT, Status.AWAITING_RATINGS, Status.AGREED]
        assert slots(two) == ["closed", "submitted", "submitted"]
        assert Draft.objects.get(response=held).called_in_at == NOW
        assert [reason.kind for reason in two.divergences.get().reasons.all()] == ["unjudgeable"]
        assert replay(two.divergences.get()) == stored_reasons(two.divergences.get())
        assert slots(none) == ["open"] * 3

    def test_can_send_all_that_is_open(self, team, stage):
        let_the_lead_decide(stage=stage, at_least=0, reason="Deadline.", by=team.admin, now=NOW)
        assert statuses(stage) == [Status.DIVERGENT] * 4
        assert next_assignment(stage=stage, expert=team.experts[0], now=NOW) is None


class TestEscalateTheLeft:
    def leave(self, team, who=3):
        remove_member(project=team.project, user=team.experts[who], role="expert", by=team.admin, now=NOW)

    def begin(self, team, stage):
        """The first two experts rate two responses; the last two hold what is left of them, and leave."""
        for response in responses_of(stage)[:2]:
            for expert in team.experts[:2]:
                rate(response, expert)
        for expert in team.experts[2:]:
            next_assignment(stage=stage, expert=expert, now=NOW)
        for who in (2, 3):
            self.leave(team, who)
        release_lapsed(now=SOON)

    def test_sends_to_a_lead_what_nobody_is_left_to_rate_after_a_day(self, team, stage):
        self.begin(team, stage)
        assert escalate_the_left(now=SOON) == 0
        assert escalate_the_left(now=LATER) == 2
        assert statuses(stage) == [Status.DIVERGENT] * 2 + [Status.AWAITING_RATINGS] * 2
        assert escalate_the_left(now=LATER) == 0

    def test_waits_for_whoever_may_still_come_where_nobody_has_left(self, team, stage):
        for expert in team.experts[2:]:
            remove_member(project=team.project, user=expert, role="expert", by=team.admin, now=NOW)
        for expert in team.experts[:2]:
            rate(responses_of(stage)[0], expert)
        assert escalate_the_left(now=LATER) == 0

    def test_counts_an_account_that_was_switched_off_as_gone(self, team, stage):
        for expert in team.experts[:2]:
            rate(responses_of(stage)[0], expert)
        for expert in team.experts[2:]:
            next_assignment(stage=stage, expert=expert, now=NOW)
            expert.is_active = False
            expert.save()
        release_lapsed(now=SOON)
        assert escalate_the_left(now=LATER) == 1

    def test_leaves_what_somebody_holds_or_can_still_rate(self, team, stage):
        self.begin(team, stage)
        held = responses_of(stage)[2]
        rate(held, team.experts[0])
        take_slot(response=held, expert=team.experts[1], now=LATER)
        assert escalate_the_left(now=LATER + timedelta(days=2)) == 2
        assert statuses(stage)[2] == Status.AWAITING_RATINGS
