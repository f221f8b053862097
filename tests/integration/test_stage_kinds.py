"""Comparisons and calibrations beside the turns of the loop: what they share, and what they must not touch."""

import dataclasses
import random
import re
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from annotation.assignment import decline, has_work, next_assignment, next_of, take_slot
from annotation.copies import answers_of, open_calibration, open_comparison
from annotation.models import Assignment, Involvement, Prompt, ReferenceLabel, Response
from annotation.progress import own_progress
from annotation.responses import NewResponse, add_responses
from arbitration.labels import finalize_labels
from arbitration.models import FinalLabel
from arbitration.queue import queue
from core.errors import Conflict, InvalidInput
from core.models import AuditEvent, ModelVersion, Stage
from core.rubrics import DEFAULT_POLICY
from core.stages import open_stage
from evaluation.keeping import fingerprint
from evaluation.reports import as_json, build_report
from exchange.records import records
from tests.factories.annotation import make_rating_stage, make_stage, rate, rate_all
from tests.factories.arbitration import make_divergent, make_final_stage, settle
from tests.factories.core import NOW, make_project
from training.dataset import freeze_training_set
from training.models import TrainingSet
from training.promotion import promote

pytestmark = pytest.mark.django_db
HELD_OUT = Prompt.Split.HELD_OUT


@pytest.fixture
def team():
    return make_project(experts=3, leads=2)


@pytest.fixture
def turns(team):
    """Base and stage 1 with final labels, 8 prompts each, two of them held out."""
    return [make_final_stage(team, prompts=8), make_final_stage(team)]


def models_of(turns):
    return [turn.model_version for turn in turns]


def compare(team, turns, **fields):
    responses = answers_of(models_of(turns), split=HELD_OUT)
    return open_comparison(project=team.project, responses=responses, by=team.admin, now=NOW, **fields)


def calibrate(team, turns):
    gold = turns[0].responses.all()[:2]
    for response in gold:
        ReferenceLabel.objects.create(response=response, policy=team.policy, created_at=NOW)
    return open_calibration(project=team.project, responses=gold, by=team.admin, now=NOW)


def page_of(client, name, project, *args, **headers):
    return client.get(reverse(name, args=[project.slug, *args]), **headers).content.decode()


class TestOpenComparison:
    def test_holds_copies_of_several_models_mixed_by_seed_and_open_for_rating(self, team, turns):
        stage = compare(team, turns)
        assert (str(stage), stage.key, stage.number) == ("Comparison 1", "comparison-1", 1)
        assert (stage.status, stage.model_version) == (Stage.Status.RATING, None)
        copies = list(stage.responses.order_by("position").select_related("copy_of"))
        assert len(copies) == 4
        assert {copy.model_version_id for copy in copies} == {model.pk for model in models_of(turns)}
        for copy in copies:
            original = copy.copy_of
            for name in ("prompt_id", "model_version_id", "text", "sampling_id", "seed", "finish_reason"):
                assert getattr(copy, name) == getattr(original, name), name
            assert (copy.stage_kind, original.stage_kind) == ("comparison", "turn")
            assert copy.assignments.count() == 3
        # One prompt's answers are told apart, and stand where the seed puts them.
        assert {copy.candidate for copy in copies} == {0, 1}
        assert [turn.status for turn in Stage.objects.turns()] == [
            Stage.Status.COMPLETE,
            Stage.Status.LABELS_FINAL,
        ]
        assert AuditEvent.objects.filter(verb="responses:copy", target_id=stage.pk).exists()

    def test_is_rated_escalated_decided_and_labeled_as_any_other(self, team, turns):
        stage = compare(team, turns)
        first, *rest = stage.responses.order_by("position")
        make_divergent(first, team.experts)
        for response in rest:
            for expert in team.experts:
                rate(response, expert)
        settle(stage, team.lead)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        labels = FinalLabel.objects.filter(response__stage=stage)
        assert (labels.count(), labels.filter(source="arbitration").count()) == (4, 1)

    def test_takes_a_k_of_its_own_and_a_copy_s_original_once(self, team, turns):
        first = compare(team, turns, ratings_per_response=2)
        assert {response.assignments.count() for response in first.responses.all()} == {2}
        rate_all(first, team.experts[:2])
        settle(first, team.lead)
        finalize_labels(stage=first, by=team.admin, now=NOW)
        copies = list(first.responses.all())
        both = [*copies, *(copy.copy_of for copy in copies)]
        again = open_comparison(project=team.project, responses=both, by=team.admin, now=NOW)
        assert (str(again), again.responses.count()) == ("Comparison 2", 4)
        assert {copy.copy_of.stage_kind for copy in again.responses.all()} == {"turn"}

    def test_refuses_one_model_alone_nothing_and_what_lies_elsewhere(self, team, turns):
        for responses in (answers_of(models_of(turns)[:1], split=HELD_OUT), []):
            with pytest.raises(InvalidInput):
                open_comparison(project=team.project, responses=responses, by=team.admin, now=NOW)
        with pytest.raises(InvalidInput, match="of this project"):
            open_comparison(
                project=make_project().project,
                responses=answers_of(models_of(turns), split=HELD_OUT),
                by=team.admin,
                now=NOW,
            )
        assert not Stage.objects.exclude(kind=Stage.Kind.TURN).exists()

    def test_rates_anchors_again_that_are_no_figure_of_their_model(self, team, turns):
        anchors = turns[0].responses.exclude(prompt__split=HELD_OUT)[:2]
        stage = compare(team, turns, anchors=[*anchors, *answers_of(models_of(turns)[:1], split=HELD_OUT)])
        again = stage.responses.filter(is_anchor=True)
        assert {each.copy_of for each in again} == set(anchors)
        assert stage.responses.count() == 6

    def test_is_handed_out_to_the_experts_who_were_chosen(self, team, turns, client):
        one, two, three = team.experts
        for raters, what in (
            ([one], "Each response gets 3 ratings, and 1 can rate"),
            ([team.lead], "choose experts"),
        ):
            with pytest.raises(InvalidInput, match=what):
                compare(team, turns, raters=raters)
        stage = compare(team, turns, raters=[one, two, two], ratings_per_response=2)
        assert next_assignment(stage=stage, expert=three, now=NOW) is None
        assert take_slot(response=stage.responses.first(), expert=three, now=NOW) is None
        assert not has_work(stages=[stage], expert=three)
        turn = make_rating_stage(team.project)
        assert next_of(stages=[stage, turn], expert=three, now=NOW).stage == turn
        client.force_login(team.admin)
        panel = page_of(client, "annotation:stage-panel", team.project, stage.key)
        assert str(one) in panel and str(three) not in panel
        rate_all(stage, [one, two])
        assert {response.status for response in stage.responses.all()} == {Response.Status.AGREED}

    def test_sends_to_the_lead_what_too_few_of_the_chosen_can_judge(self, team, turns):
        one, two, _ = team.experts
        stage = compare(team, turns, raters=[one, two], ratings_per_response=2)
        slot = next_assignment(stage=stage, expert=one, now=NOW)
        decline(assignment=slot, by=one, reason="No idea.", now=NOW)
        slot.response.refresh_from_db()
        assert slot.response.status == Response.Status.DIVERGENT

    def test_is_one_at_a_time_beside_a_turn_and_a_calibration(self, team, turns):
        compare(team, turns)
        with pytest.raises(Conflict, match="Comparison 1 is still open"):
            compare(team, turns)
        calibrate(team, turns)
        make_rating_stage(team.project)
        assert [str(stage) for stage in team.project.stages.in_rating()] == [
            "Calibration 1", "Comparison 1", "Stage 2",
        ]  # fmt: skip
        shared = {
            "project": team.project,
            "policy": team.policy,
            "ratings_per_response": 3,
            "created_at": NOW,
        }
        with pytest.raises(IntegrityError), transaction.atomic():
            Stage.objects.create(kind="comparison", number=9, **shared)


class TestOpenCalibration:
    def test_holds_copies_of_responses_whose_labels_are_known(self, team, turns):
        stage = calibrate(team, turns)
        assert (str(stage), stage.key, stage.status) == (
            "Calibration 1",
            "calibration-1",
            Stage.Status.RATING,
        )
        assert {copy.copy_of for copy in stage.responses.all()} == set(turns[0].responses.all()[:2])

    def test_refuses_a_response_without_a_reference_label(self, team, turns):
        with pytest.raises(InvalidInput, match="8 of the responses have no reference label"):
            open_calibration(project=team.project, responses=turns[0].responses.all(), by=team.admin, now=NOW)


class TestAnswersOf:
    def test_are_of_the_newest_turn_and_the_first_candidate_unless_all_are_asked_for(self, team):
        older = make_final_stage(team, prompts=8)
        model = older.model_version
        newer = make_rating_stage(team.project, candidates=2)
        newer.responses.update(model_version=model)
        one = Response.objects.filter(pk__in=answers_of([model], split=HELD_OUT))
        assert {(each.stage_id, each.candidate) for each in one} == {(newer.pk, 0)}
        assert one.count() == 2
        assert len(answers_of([model], split=HELD_OUT, every_candidate=True)) == 4


class TestConstraints:
    def make(self, stage, original=None, **fields):
        prompt, model = stage.project.prompts.first(), stage.project.model_versions.first()
        fields = {"candidate": 7, "position": 77, "text": "x", "created_at": NOW} | fields
        return Response.objects.create(
            stage=stage, prompt=prompt, model_version=model, copy_of=original, **fields
        )

    def test_turns_have_no_copies_and_calibrations_nothing_else(self, team, turns):
        original, other = turns[0].responses.first(), compare(team, turns)
        for stage, copied, kind in (
            (turns[1], original, "turn"),
            (other, None, "calibration"),
            (other, None, ""),
            (turns[1], None, "anything"),
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                self.make(stage, copied, stage_kind=kind)

    def test_anchors_are_copies_in_comparisons(self, team, turns):
        original = turns[0].responses.exclude(prompt__split=HELD_OUT).first()
        other = compare(team, turns)
        for stage, copied, kind in ((turns[1], None, "turn"), (other, None, "comparison")):
            with pytest.raises(IntegrityError), transaction.atomic():
                self.make(stage, copied, stage_kind=kind, is_anchor=True)
        assert self.make(other, original, stage_kind="comparison", is_anchor=True).pk

    def test_what_a_stage_takes_in_has_the_stage_s_kind(self, team, turns):
        stage = make_stage(team.project)
        original = turns[0].responses.first()
        answer = NewResponse(original.prompt, "x", original.model_version, copy_of=original)
        with pytest.raises(IntegrityError), transaction.atomic():
            add_responses(stage=stage, answers=[answer], now=NOW)

    def test_a_stage_copies_a_response_once(self, team, turns):
        copy = compare(team, turns).responses.first()
        with pytest.raises(IntegrityError), transaction.atomic():
            self.make(copy.stage, copy.copy_of, stage_kind="comparison")

    def test_training_sets_are_of_turns(self, team, turns):
        stage = compare(team, turns)
        rate_all(stage, team.experts, score=5)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        with pytest.raises(Conflict, match="trains nothing"):
            freeze_training_set(stage=stage, by=team.admin, now=NOW)
        for kind in ({"stage_kind": stage.kind}, {}):
            with pytest.raises(IntegrityError), transaction.atomic():
                TrainingSet.objects.create(stage=stage, sha256="0" * 64, created_at=NOW, **kind)
        model = ModelVersion.objects.create(project=team.project, name="v", location="x", created_at=NOW)
        with pytest.raises(Conflict, match="no turn"):
            promote(stage=stage, model_version=model, reason="No.", by=team.admin, now=NOW)

    def test_the_next_turn_opens_whatever_else_is_open(self, team, turns):
        compare(team, turns)
        opened = open_stage(project=team.project, model_version=None, by=team.admin, now=NOW)
        assert (str(opened), opened.number) == ("Stage 2", 2)


class TestSeveralOpenStages:
    @pytest.fixture
    def open_stages(self, team, turns):
        comparison = compare(team, turns)
        calibration = calibrate(team, turns)
        return [calibration, comparison, make_rating_stage(team.project)]

    def test_hand_out_begins_with_calibration_mixes_the_others_and_progress_covers_all(
        self, team, open_stages, client
    ):
        random.seed(7)
        expert = team.experts[0]
        client.force_login(expert)
        seen = []
        for _ in range(14):
            page = page_of(client, "annotation:rate", team.project)
            slot = Assignment.objects.get(expert=expert, status="leased")
            seen.append(slot.stage_id)
            answer = client.post(
                reverse("annotation:submit", args=[team.project.slug, slot.pk]),
                form(page),
                headers={"HX-Request": "true"},
            )
            assert answer.status_code == 200
        in_turn = [stage.pk for stage in open_stages for _ in range(stage.responses.count())]
        assert sorted(seen) == sorted(in_turn)
        assert seen[:2] == in_turn[:2]
        changes = sum(one != next_one for one, next_one in pairwise(seen[2:]))
        assert changes > 2  # of the four copies and eight responses of the turn
        assert "Nothing is left for you" in answer.content.decode()
        progress = own_progress(project=team.project, expert=expert, now=NOW)
        assert (progress.done, progress.left) == (14, 0)

    def test_goes_on_with_what_the_expert_holds(self, team, open_stages):
        expert, turn = team.experts[0], open_stages[-1]
        held = next_of(stages=[turn], expert=expert, now=NOW)
        assert next_of(stages=open_stages, expert=expert, now=NOW) == held
        rate(held.response, expert)
        assert next_of(stages=open_stages, expert=expert, now=NOW).stage == open_stages[0]

    def test_asks_once_which_stages_are_open(self, team, open_stages, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert list(map(str, team.project.stages.in_rating())) == [
                "Calibration 1",
                "Comparison 1",
                "Stage 2",
            ]

    def test_the_lead_s_queue_goes_by_what_matters_and_not_by_stage(self, team, open_stages, client):
        diverging = [make_divergent(stage.responses.first(), team.experts) for stage in reversed(open_stages)]
        for minutes, response in enumerate(diverging):
            response.divergences.update(created_at=NOW - timedelta(minutes=minutes))
        waiting = list(queue(stages=team.project.stages.in_rating(), lead=team.lead, now=NOW))
        assert waiting == diverging[::-1]
        diverging[0].divergences.update(created_at=NOW - timedelta(hours=1))
        assert (
            next(iter(queue(stages=team.project.stages.in_rating(), lead=team.lead, now=NOW))) == diverging[0]
        )
        diverging[0].divergences.update(created_at=NOW)
        client.force_login(team.lead)
        client.post(reverse("arbitration:claim-next", args=[team.project.slug]))
        mine = Involvement.objects.get(user=team.lead, response__stage__in=open_stages)
        assert mine.response == diverging[-1]


def form(page, score="4"):
    fields = dict.fromkeys(re.findall(r'name="(score-[^"]+)"', page), score)
    submission = re.search(r'name="submission" value="([^"]+)"', page)[1]
    return fields | {"label-verdict": "aligned", "submission": submission}


def looks(page):
    """The page without what differs from response to response: addresses, tokens and counts."""
    page = re.sub(r"[\w-]{36,}|\b[a-z2-7]{13}\b", "", page)
    return re.sub(r"\d+", "#", page)


class TestBlindness:
    """A copy on the pages of experts and leads, beside the response of a turn."""

    WORDS = ("comparison", "copy", "original", "model-")

    def both(self, team, turns, show):
        """What `show(stage)` gives of a turn and then of a comparison, all prompts and responses saying the same."""
        Prompt.objects.update(text="The same question?")
        shown = []
        for open_it in (lambda: make_rating_stage(team.project), lambda: compare(team, turns)):
            stage = open_it()
            stage.responses.update(text="The same text.")
            shown.append(show(stage))
            for response in stage.responses.filter(status=Response.Status.AWAITING_RATINGS):
                for expert in team.experts:
                    rate(response, expert)
            settle(stage, team.lead)
            finalize_labels(stage=stage, by=team.admin, now=NOW)
        return shown

    def test_an_expert_sees_the_same_page(self, client, team, turns):
        client.force_login(team.experts[0])

        def show(stage):
            page = page_of(client, "annotation:rate", team.project)
            stage.assignments.filter(status="leased").update(status="open", expert=None)
            return page

        of_turn, of_copy = self.both(team, turns, show)
        assert looks(of_turn) == looks(of_copy)
        assert [word for word in self.WORDS if word in of_copy.lower()] == []

    def test_a_lead_sees_the_same_queue_and_case(self, client):
        # Pseudonyms are drawn anew for every response: names let the pages be compared.
        team = make_project(policy=dataclasses.replace(DEFAULT_POLICY, blind_lead=False))
        turns = [make_final_stage(team, prompts=8), make_final_stage(team)]
        client.force_login(team.lead)

        def show(stage):
            make_divergent(stage.responses.order_by("position").first(), team.experts)
            queued = page_of(client, "arbitration:queue", team.project)
            case = client.post(reverse("arbitration:claim-next", args=[team.project.slug])).url
            page = client.get(case).content.decode()
            client.post(f"{case}release/")
            client.get(case)  # takes the news of it along
            return queued + page

        of_turn, of_copy = self.both(team, turns, show)
        assert looks(of_turn) == looks(of_copy)
        assert [word for word in self.WORDS if word in of_copy.lower()] == []


class TestWhatReadsTurns:
    def test_rounds_of_the_report_and_records_are_as_before(self, team, turns):
        def told():
            report = as_json(build_report(team.project))
            return report["stages"], report["comparisons"], list(records(team.project))

        before, known = told(), fingerprint(team.project)
        stage = compare(team, turns)
        rate_all(stage, team.experts, score=1)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert told() == before
        assert fingerprint(team.project) != known, "what was compared is told in the report"
        mine = list(records(team.project, stage=stage))
        assert {record["stage_kind"] for record in mine} == {"comparison"}
        assert {record["copy_of"] for record in mine} <= {record["id"] for record in before[-1]}

    def test_every_panel_and_page_serves_every_kind(self, client, team, turns):
        stage = compare(team, turns)
        client.force_login(team.admin)
        names = (
            "stage-detail", "annotation:stage-panel", "annotation:stage-agreement", "arbitration:stage-panel",
            "arbitration:finalize", "training:stage-panel", "evaluation:stage-panel",
        )  # fmt: skip
        for name in names:
            answer = client.get(reverse(name, args=[team.project.slug, stage.key]))
            assert answer.status_code == 200, name
        for name in ("training:launch", "training:promote", "training:generate-stage"):
            assert client.get(reverse(name, args=[team.project.slug, stage.key])).status_code == 404
        page = page_of(client, "project-detail", team.project)
        assert "Comparison 1" in page and "Stage 1 now" in page
        assert reverse("stage-detail", args=[team.project.slug, 1]).endswith("/stages/1/")
        assert reverse("stage-detail", args=[team.project.slug, stage.key]).endswith("/stages/comparison-1/")
