"""Pairs of a comparison: drawn, handed out, judged, taken back, set aside."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from annotation.answers import InvalidAnswers
from annotation.copies import open_comparison
from annotation.models import Choice, Pair, PairDraft, PairSlot, Preference, Response
from annotation.pair_hand_out import decline_pair, has_pair, next_pair, release_lapsed_pairs
from annotation.pairs import awaiting, sides_of
from annotation.preferring import (
    OVERALL,
    AlreadyPreferred,
    save_pair_draft,
    submit_preference,
    withdraw_preference,
)
from annotation.responses import NewResponse, add_responses
from annotation.setting_aside import bring_back_response, set_aside_response
from annotation.shortfall import count_fewer
from arbitration.labels import WorkIsOpen, finalize_labels
from core.errors import Conflict, InvalidInput, NotAllowed
from core.models import AuditEvent, ModelVersion, Stage
from tests.factories.annotation import make_prompts, make_stage
from tests.factories.arbitration import make_final_stage
from tests.factories.comparing import make_comparison, pairs_of, prefer, prefer_all
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db
PREFERRED, BOTH = Stage.Mode.PREFERRED, Stage.Mode.BOTH
LATER = NOW + timedelta(hours=9)


@pytest.fixture
def team():
    return make_project(experts=3)


@pytest.fixture
def models(team):
    """Two versions with final labels, four held-out prompts answered by each."""
    make_prompts(team.project, count=4, splits=["held-out"])
    return [make_final_stage(team).model_version for _ in range(2)]


@pytest.fixture
def stage(team, models):
    return make_comparison(team, models, mode=PREFERRED)


def answer(slot, expert, side="left", **fields):
    choices = fields.pop("choices", None) or dict.fromkeys(["safety", "helpfulness", "relevance"], side)
    return submit_preference(
        slot=slot,
        by=expert,
        choices=choices,
        now=fields.pop("now", NOW),
        submission=fields.pop("submission", None) or uuid.uuid4(),
        **fields,
    )


class TestOpening:
    def test_draws_every_pair_with_k_slots_and_asks_for_no_ratings(self, team, stage):
        pairs = pairs_of(stage)
        assert (len(pairs), stage.status) == (4, Stage.Status.RATING)
        for pair in pairs:
            assert (pair.one.stage_id, pair.other.stage_id) == (stage.pk, stage.pk)
            assert pair.one.prompt_id == pair.other.prompt_id == pair.prompt_id
            assert pair.one.model_version_id != pair.other.model_version_id
            assert pair.slots.count() == 3
        assert set(stage.responses.values_list("status", flat=True)) == {Response.Status.PAIRED}
        assert not stage.assignments.exists()
        assert AuditEvent.objects.filter(verb="pairs:draw", target_id=stage.pk).exists()

    def test_with_both_rates_each_response_as_well(self, team, models):
        stage = make_comparison(team, models, mode=BOTH, ratings_per_response=2)
        assert (len(pairs_of(stage)), stage.responses.count()) == (4, 8)
        assert {stage.assignments.count(), stage.pair_slots.count() * 2} == {16}

    def test_refuses_versions_that_no_prompt_has_in_common(self, team, models):
        with pytest.raises(InvalidInput, match="at least one pair"):
            make_comparison(team, models, mode=PREFERRED, pairs_per_prompt=0)
        assert not Stage.objects.filter(kind=Stage.Kind.COMPARISON).exists()

    def test_lays_no_response_beside_itself_and_asks_in_comparisons_alone(self, stage):
        pair = pairs_of(stage)[0]
        with pytest.raises(IntegrityError), transaction.atomic():
            Pair.objects.filter(pk=pair.pk).update(other=pair.one)
        with pytest.raises(IntegrityError), transaction.atomic():
            Stage.objects.filter(kind=Stage.Kind.TURN).update(mode=BOTH)


class TestHandingOut:
    def test_gives_the_same_pair_until_it_is_judged_and_each_pair_once(self, team, stage):
        expert, met = team.experts[0], []
        while slot := next_pair(stage=stage, expert=expert, now=NOW):
            assert next_pair(stage=stage, expert=expert, now=NOW) == slot
            answer(slot, expert)
            met.append(slot.pair_id)
        assert sorted(met) == sorted(pair.pk for pair in pairs_of(stage))
        assert not has_pair(stage=stage, expert=expert)

    def test_never_lets_an_expert_hold_two(self, team, stage):
        first = next_pair(stage=stage, expert=team.experts[0], now=NOW)
        other = PairSlot.objects.filter(stage=stage, status="open").exclude(pair=first.pair_id).first()
        with pytest.raises(IntegrityError), transaction.atomic():
            PairSlot.objects.filter(pk=other.pk).update(
                expert=team.experts[0], leased_at=NOW, status="leased"
            )

    def test_takes_back_what_lapses_and_keeps_what_was_written(self, team, stage):
        expert = team.experts[0]
        slot = next_pair(stage=stage, expert=expert, now=NOW)
        save_pair_draft(slot=slot, by=expert, fields={"comment": "Not yet."}, now=NOW)
        assert release_lapsed_pairs(now=LATER) == 1
        assert PairSlot.objects.get(pk=slot.pk).status == "open"
        assert PairDraft.objects.get(pair=slot.pair).fields == {"comment": "Not yet."}
        # Another pair is before them when they send it: it counts all the same.
        next_pair(stage=stage, expert=expert, now=LATER)
        assert answer(slot, expert, now=LATER).pair_id == slot.pair_id

    def test_passes_on_what_somebody_cannot_judge(self, team, stage):
        expert = team.experts[0]
        slot = next_pair(stage=stage, expert=expert, now=NOW)
        with pytest.raises(InvalidInput):
            decline_pair(slot=slot, by=expert, reason=" ", now=NOW)
        decline_pair(slot=slot, by=expert, reason="Not my field.", now=NOW)
        decline_pair(slot=slot, by=expert, reason="Not my field.", now=NOW)
        assert next_pair(stage=stage, expert=expert, now=NOW).pair_id != slot.pair_id
        with pytest.raises(Conflict):
            answer(slot, expert)

    def test_brings_no_prompt_again_within_twenty_where_others_are_left(self):
        team = make_project(experts=1)
        make_prompts(team.project, count=24, splits=["held-out"])
        turn = make_stage(team.project, model_name="one")
        for number, name in enumerate(("one", "two", "three")):
            turn.model_version = ModelVersion.objects.get_or_create(
                project=team.project, name=name, defaults={"created_at": NOW}
            )[0]
            answers = [
                NewResponse(prompt, f"{name} of {prompt.pk}", turn.model_version, candidate=number)
                for prompt in team.project.prompts.all()
            ]
            add_responses(stage=turn, answers=answers, now=NOW)
        stage = open_comparison(
            project=team.project,
            responses=turn.responses.all(),
            mode=PREFERRED,
            overall=True,
            ratings_per_response=1,
            by=team.admin,
            now=NOW,
        )
        expert, met = team.experts[0], []
        while slot := next_pair(stage=stage, expert=expert, now=NOW):
            now = NOW + timedelta(seconds=len(met))
            answer(slot, expert, choices={OVERALL: "equal"}, now=now)
            met.append(slot.pair.prompt_id)
        assert len(met) == 72
        last, apart = {}, []
        for place, prompt in enumerate(met):
            apart.append(place - last.get(prompt, -99))
            last[prompt] = place
        assert min(apart[:60]) > 20


class TestSubmitting:
    def test_ends_the_pair_with_the_kth_and_remembers_who_stood_where(self, team, stage):
        pair = pairs_of(stage)[0]
        given = [prefer(pair, expert, pair.one) for expert in team.experts]
        pair.refresh_from_db()
        assert pair.status == Pair.Status.JUDGED
        for preference in given:
            assert preference.left_id in (pair.one_id, pair.other_id)
            side = "left" if preference.left_id == pair.one_id else "right"
            assert set(preference.choices.values_list("side", flat=True)) == {side}
            assert preference.choices.count() == 3

    def test_of_one_form_counts_once_whatever_it_says_the_second_time(self, team, stage):
        expert, form = team.experts[0], uuid.uuid4()
        slot = next_pair(stage=stage, expert=expert, now=NOW)
        first = answer(slot, expert, submission=form)
        assert answer(slot, expert, submission=form) == first
        with pytest.raises(AlreadyPreferred) as refused:
            answer(slot, expert, side="right", submission=form)
        assert refused.value.preference == first
        with pytest.raises(AlreadyPreferred):
            answer(slot, expert, side="right")
        other = next_pair(stage=stage, expert=expert, now=NOW)
        with pytest.raises(Conflict):
            answer(other, expert, submission=form)
        assert Preference.objects.count() == 1

    def test_names_every_axis_that_is_left_out(self, team, stage):
        slot = next_pair(stage=stage, expert=team.experts[0], now=NOW)
        with pytest.raises(InvalidAnswers) as refused:
            answer(slot, team.experts[0], choices={"safety": "left", "helpfulness": "up", "taste": "left"})
        assert [fault.axis for fault in refused.value.faults] == ["helpfulness", "relevance", "taste"]

    def test_asks_for_one_choice_over_all_where_the_stage_says_so(self, team, models):
        stage = make_comparison(team, models, mode=PREFERRED, overall=True)
        prefer(pairs_of(stage)[0], team.experts[0], pairs_of(stage)[0].one)
        assert list(Choice.objects.values_list("axis", flat=True)) == [None]

    def test_is_refused_to_whom_the_pair_was_not_given(self, team, stage):
        slot = next_pair(stage=stage, expert=team.experts[0], now=NOW)
        with pytest.raises(NotAllowed):
            answer(slot, team.experts[1])


class TestTakingBack:
    def test_brings_the_pair_before_them_again_and_supersedes(self, team, stage):
        pair = pairs_of(stage)[0]
        first = [prefer(pair, expert, pair.one) for expert in team.experts][0]
        expert = team.experts[0]
        held = next_pair(stage=stage, expert=expert, now=NOW)
        slot = withdraw_preference(preference=first, by=expert, now=NOW)
        assert withdraw_preference(preference=first, by=expert, now=NOW) == slot
        assert next_pair(stage=stage, expert=expert, now=NOW) == slot
        pair.refresh_from_db()
        assert pair.status == Pair.Status.AWAITING
        assert len(PairDraft.objects.get(pair=pair).fields) == 3
        second = answer(slot, expert, side="equal")
        assert second.supersedes == first
        pair.refresh_from_db()
        assert (pair.status, Preference.objects.current().filter(pair=pair).count()) == ("judged", 3)
        assert next_pair(stage=stage, expert=expert, now=NOW) == held
        with pytest.raises(Conflict):
            withdraw_preference(preference=first, by=expert, now=NOW)

    def test_ends_with_the_stage(self, team, stage):
        prefer_all(stage, team.experts)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        given = Preference.objects.first()
        with pytest.raises(Conflict):
            withdraw_preference(preference=given, by=given.expert, now=NOW)


class TestEnding:
    def test_waits_for_every_pair_or_sets_aside_what_is_open(self, team, stage):
        first, *rest = pairs_of(stage)
        for expert in team.experts:
            prefer(first, expert)
        held = next_pair(stage=stage, expert=team.experts[0], now=NOW)
        with pytest.raises(WorkIsOpen) as refused:
            finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert refused.value.errors == ["3 pairs of responses await preferences."]
        finalize_labels(stage=stage, by=team.admin, now=NOW, set_aside_because="Enough.")
        stage.refresh_from_db()
        assert stage.status == Stage.Status.LABELS_FINAL
        assert sorted(Pair.objects.values_list("status", flat=True)) == ["judged", *["set_aside"] * 3]
        with pytest.raises(Conflict):
            answer(held, team.experts[0])

    def test_counts_fewer_where_an_admin_says_so(self, team, stage):
        first, second, *_ = pairs_of(stage)
        for expert in team.experts[:2]:
            prefer(first, expert)
        prefer(second, team.experts[0])
        count_fewer(stage=stage, ratings_per_response=2, reason="One is ill.", by=team.admin, now=NOW)
        assert Pair.objects.get(pk=first.pk).status == "judged"
        prefer(second, team.experts[1])
        assert awaiting(Stage.objects.get(pk=stage.pk)) == 2

    @pytest.mark.parametrize("mode", [PREFERRED, BOTH])
    def test_takes_a_pair_along_with_a_response_that_is_set_aside(self, team, models, mode):
        stage = make_comparison(team, models, mode=mode)
        pair = pairs_of(stage)[0]
        prefer(pair, team.experts[0])
        before = pair.one.status
        set_aside_response(response=pair.one, reason="It names somebody.", by=team.admin, now=NOW)
        pair.refresh_from_db()
        assert (pair.status, awaiting(stage)) == ("set_aside", 3)
        bring_back_response(response=pair.one, by=team.admin, now=NOW)
        pair.refresh_from_db()
        pair.one.refresh_from_db()
        assert (pair.status, pair.one.status, awaiting(stage)) == ("awaiting", before, 4)
        for expert in team.experts[1:]:
            prefer(pair, expert)
        pair.refresh_from_db()
        assert pair.status == "judged"


class TestWhoStandsLeft:
    def test_says_nothing_about_the_version(self, team, stage):
        lefts = [
            Response.objects.get(pk=sides_of(pair, stage, expert)[0]).model_version_id
            for pair in pairs_of(stage)
            for expert in team.experts
        ]
        assert len(set(lefts)) == 2
