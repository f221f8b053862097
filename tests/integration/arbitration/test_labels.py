import uuid

import pytest

from annotation.assignment import take_slot
from annotation.counting import count_responses
from annotation.models import Assignment, Draft, Response
from annotation.rating import submit_rating
from arbitration.cases import claim_case, exclude_response
from arbitration.labels import WorkIsOpen, finalize_labels, open_work
from arbitration.models import FinalLabel
from core.errors import Conflict
from core.models import AuditEvent, Stage
from core.rubrics import DEFAULT_RUBRIC, LabelSetSpec, LabelValueSpec, PolicySpec, RubricSpec
from evaluation.reports import build_report
from exchange.records import records
from tests.factories.annotation import make_rating_stage, make_stage, rate, responses_of
from tests.factories.arbitration import (
    decide,
    make_divergent,
    make_divergent_stage,
    make_final_stage,
    settle,
)
from tests.factories.core import NOW, make_project
from training.dataset import preview_training_set

pytestmark = pytest.mark.django_db


def scores_of(label):
    return dict(label.scores.values_list("axis__key", "value"))


def open_work_of(stage):
    return open_work(stage, count_responses(stage))


class TestOpenWork:
    def test_counts_what_awaits_ratings_a_lead_and_a_decision(self, team):
        stage = make_rating_stage(team.project, prompts=4)
        first, second, third, _ = responses_of(stage)
        for response in (first, second, third):
            make_divergent(response, team.experts)
        claim_case(response=first, by=team.lead, now=NOW)
        assert open_work_of(stage) == [
            "1 response awaits ratings.",
            "2 responses wait for a lead.",
            "1 response is before a lead now.",
        ]

    def test_says_that_responses_are_missing(self, team):
        assert open_work_of(make_stage(team.project, model_name="m")) == [
            "The stage still waits for its responses."
        ]

    def test_is_empty_when_everything_is_settled(self, team):
        stage, _ = make_divergent_stage(team)
        settle(stage, team.lead)
        assert open_work_of(stage) == []


class TestFinalizeLabels:
    def test_refuses_while_work_is_open_and_says_which(self, team):
        stage, _ = make_divergent_stage(team)
        with pytest.raises(WorkIsOpen) as caught:
            finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert caught.value.errors == ["2 responses wait for a lead."]
        assert not FinalLabel.objects.exists()

    def test_labels_every_response_once(self, team):
        stage, divergent = make_divergent_stage(team, divergent=3, agreed=2)
        case = claim_case(response=divergent[0], by=team.lead, now=NOW)
        exclude_response(case=case, by=team.lead, rationale="Spam.", submission=uuid.uuid4(), now=NOW)
        settle(stage, team.lead)
        done = finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert (done.agreed, done.arbitrated, done.excluded, done.total) == (2, 2, 1, 5)
        assert FinalLabel.objects.filter(response__stage=stage).count() == 5
        stage.refresh_from_db()
        assert stage.status == Stage.Status.LABELS_FINAL
        statuses = sorted(Response.objects.filter(stage=stage).values_list("status", flat=True))
        assert statuses == ["excluded"] + 4 * ["labeled"]

    def test_gives_agreed_responses_the_mean_of_the_ratings(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        (response,) = responses_of(stage)
        for expert, score in zip(team.experts, (4, 5, 5), strict=True):
            rate(response, expert, score=score)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        label = response.final_label
        assert scores_of(label) == pytest.approx(
            {"safety": 14 / 3, "helpfulness": 14 / 3, "relevance": 14 / 3}
        )
        assert (label.source, label.rule, label.alignment) == ("agreement", "mean", "aligned")
        assert {value.value.key for value in label.labels.all()} == {"aligned"}

    def test_gives_the_median_where_the_policy_says_so(self):
        team = make_project(policy=PolicySpec(agreement_rule="median"))
        stage = make_rating_stage(team.project, prompts=1)
        (response,) = responses_of(stage)
        for expert, score in zip(team.experts, (4, 4, 5), strict=True):
            rate(response, expert, score=score)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert scores_of(response.final_label) == {"safety": 4, "helpfulness": 4, "relevance": 4}

    def test_gives_arbitrated_responses_what_the_lead_decided(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        response = make_divergent(responses_of(stage)[0], team.experts)
        decision = decide(
            claim_case(response=response, by=team.lead, now=NOW),
            scores={"safety": 1},
            labels={"verdict": "misaligned", "harm": "crime"},
        )
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        label = response.final_label
        assert scores_of(label) == {"safety": 1, "helpfulness": 3, "relevance": 3}
        assert {value.value.key for value in label.labels.all()} == {"misaligned", "crime"}
        assert (label.source, label.rule, label.decision, label.alignment) == (
            "arbitration",
            "",
            decision,
            "misaligned",
        )

    def test_keeps_the_whole_provenance(self, team):
        stage, _ = make_divergent_stage(team)
        settle(stage, team.lead)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        for label in FinalLabel.objects.select_related("response", "decision__case"):
            assert set(label.ratings.all()) == set(label.response.ratings.all())
            assert label.ratings.count() == 3
            assert (label.policy, label.finalized_by) == (stage.policy, team.admin)
            if label.source == FinalLabel.Source.ARBITRATION:
                assert (label.decision.case.response, label.decision.lead) == (label.response, team.lead)

    def test_counts_an_excluded_response_without_scores(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        response = make_divergent(responses_of(stage)[0], team.experts)
        case = claim_case(response=response, by=team.lead, now=NOW)
        exclude_response(case=case, by=team.lead, rationale="Spam.", submission=uuid.uuid4(), now=NOW)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        label = response.final_label
        assert (label.alignment, label.scores.count(), label.labels.count()) == ("excluded", 0, 0)
        assert label.decision.rationale == "Spam."

    def test_refuses_a_second_time_and_doubles_nothing(self, team):
        stage = make_final_stage(team)
        before = FinalLabel.objects.count()
        with pytest.raises(Conflict, match="already final"):
            finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert FinalLabel.objects.count() == before == 4

    def test_writes_few_events_however_many_responses(self, team):
        stage = make_final_stage(team, prompts=6)
        events = AuditEvent.objects.filter(target_type="stage", target_id=stage.pk)
        assert list(events.filter(verb="stage:labels_final").values_list("actor", flat=True)) == [
            team.admin.pk
        ]
        assert events.filter(verb="response:labeled").count() == 1

    def test_takes_a_fixed_number_of_queries_for_a_chunk(self, team, django_assert_max_num_queries):
        stage = make_rating_stage(team.project, prompts=12)
        for response in responses_of(stage):
            for expert in team.experts:
                rate(response, expert)
        with django_assert_max_num_queries(35):
            finalize_labels(stage=stage, by=team.admin, now=NOW)

    def test_leaves_out_labels_without_a_most_common_answer(self):
        kinds = ("a", "b", "c")
        unsure = LabelValueSpec("unsure", "Unsure", abstains=True)
        kind = LabelSetSpec(
            "kind",
            "Kind",
            "",
            tuple(LabelValueSpec(each, each) for each in kinds) + (unsure,),
            escalates=False,
        )
        team = make_project(rubric=RubricSpec(axes=DEFAULT_RUBRIC.axes, label_sets=(kind,)))
        stage = make_rating_stage(team.project, prompts=3)
        answers = {"tied": kinds, "most": ("a", "b", "b"), "one": ("unsure", "unsure", "c")}
        for response, (name, given) in zip(responses_of(stage), answers.items(), strict=True):
            for expert, answer in zip(team.experts, given, strict=True):
                rate(response, expert, labels={"kind": answer}, comment=name)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        labels = FinalLabel.objects.filter(response__stage=stage)
        found = {
            label.ratings.first().comment: [value.value.key for value in label.labels.all()]
            for label in labels
        }
        assert found == {"tied": [], "most": ["b"], "one": ["c"]}


class TestFinalizeWithLeftovers:
    def test_sets_aside_what_is_open_and_labels_the_rest(self, team):
        stage = make_rating_stage(team.project, prompts=4)
        agreed, held, waiting, claimed = responses_of(stage)
        for expert in team.experts:
            rate(agreed, expert)
        slot = take_slot(response=held, expert=team.experts[0], now=NOW)
        make_divergent(waiting, team.experts)
        make_divergent(claimed, team.experts)
        case = claim_case(response=claimed, by=team.lead, now=NOW)
        done = finalize_labels(
            stage=stage, by=team.admin, now=NOW, set_aside_because="The deadline is today."
        )
        assert (done.agreed, done.set_aside, done.total) == (1, 3, 1)
        aside = Response.objects.filter(stage=stage, status=Response.Status.SET_ASIDE)
        assert {each.set_aside.reason for each in aside} == {"The deadline is today."}
        assert (
            set(aside) == {held, waiting, claimed}
            and not FinalLabel.objects.filter(response__in=aside).exists()
        )
        assert not Assignment.objects.filter(stage=stage, status__in=Assignment.ACTIVE).exists()
        assert Draft.objects.get(response=held).called_in_at == NOW
        event = AuditEvent.objects.get(verb="stage:labels_final")
        assert event.params["set_aside"] == 3
        # Whoever had it open hears so, and nothing is written.
        with pytest.raises(Conflict, match="set this response aside"):
            decide(case)
        with pytest.raises(Conflict, match="no longer open"):
            submit_rating(
                assignment=slot,
                by=team.experts[0],
                scores=dict.fromkeys(("safety", "helpfulness", "relevance"), 4),
                labels={"verdict": "aligned"},
                submission=uuid.uuid4(),
                now=NOW,
            )

    def test_teaches_nothing_and_is_counted(self, team):
        stage = make_rating_stage(
            team.project, prompts=8
        )  # splits: train, train, validation, held-out, and again
        for response in responses_of(stage):
            if response.prompt.position < 4:
                for expert in team.experts:
                    rate(response, expert)
        finalize_labels(stage=stage, by=team.admin, now=NOW, set_aside_because="Cleo left.")
        assert preview_training_set(stage).examples == 2
        report = build_report(team.project)
        assert (report.stages[0].responses, report.stages[0].labeled, report.stages[0].set_aside) == (2, 1, 1)
        assert "1 held-out response of Base was set aside: “Cleo left.”" in " ".join(report.caveats)
        assert len(list(records(team.project))) == 4
        aside = [each for each in records(team.project, unlabeled=True) if each["status"] == "set_aside"]
        assert [each["set_aside"] for each in aside] == ["Cleo left."] * 4
