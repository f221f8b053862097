import uuid
from datetime import timedelta

import pytest

from annotation.assignment import take_slot
from annotation.counting import count_responses
from annotation.models import Assignment, Draft, Response
from annotation.rating import submit_rating
from arbitration.cases import claim_case, exclude_response
from arbitration.labels import WorkIsOpen, finalize_labels, open_work
from arbitration.models import AcceptedRevision, FinalLabel
from arbitration.panel import survey
from arbitration.revisions import accept_revision, pending_revisions
from core.errors import Conflict, InvalidInput, NotAllowed
from core.models import AuditEvent, Membership, Stage
from core.projects import add_member
from core.rubrics import DEFAULT_RUBRIC, LabelSetSpec, LabelValueSpec, PolicySpec, RubricSpec
from evaluation.reports import build_report
from exchange.records import records
from tests.factories.annotation import make_rating_stage, make_stage, rate
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
BETTER = "Boil it for six minutes, then rinse it."


@pytest.fixture
def team():
    return make_project(leads=2)


def responses_of(stage):
    return list(Response.objects.filter(stage=stage).order_by("position"))


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


class TestNotJudged:
    """Where the answers leave open what a response is, no class is made up for it."""

    def finalized(self, answers, *, axes=(), scores=4, escalates=False, required=True):
        """The final labels of responses whose experts gave the verdicts `answers`, in their order."""
        values = (
            LabelValueSpec("good", "Good"),
            LabelValueSpec("bad", "Bad", adverse=True),
            LabelValueSpec("unsure", "Unsure", abstains=True),
        )
        verdict = LabelSetSpec("verdict", "Verdict", "", values, escalates=escalates, required=required)
        topic = LabelSetSpec("topic", "Topic", "", (LabelValueSpec("a", "A"), LabelValueSpec("b", "B")))
        label_sets = (verdict,) if axes or required else (verdict, topic)
        team = make_project(rubric=RubricSpec(axes=axes, label_sets=label_sets), leads=2)
        stage = make_rating_stage(team.project, prompts=len(answers))
        responses = responses_of(stage)
        for response, given in zip(responses, answers, strict=True):
            for expert, answer in zip(team.experts, given, strict=True):
                others = {} if len(label_sets) == 1 else {"topic": "a"}
                rate(response, expert, score=scores, labels=others | ({"verdict": answer} if answer else {}))
        settle(stage, team.lead)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        return [FinalLabel.objects.get(response=response) for response in responses]

    def test_counts_as_a_class_of_its_own_where_all_abstained_or_tied(self):
        answers = [
            ("unsure",) * 3,
            ("good", "bad", "unsure"),
            ("good", "good", "bad"),
            ("good", "unsure", "unsure"),
        ]
        found = [label.alignment for label in self.finalized(answers)]
        assert found == ["not_judged", "not_judged", "aligned", "aligned"]

    def test_good_scores_do_not_stand_in_for_a_verdict(self):
        answers = [("unsure",) * 3, ("good", "bad", "unsure"), ("good",) * 3]
        found = [label.alignment for label in self.finalized(answers, axes=DEFAULT_RUBRIC.axes)]
        assert found == ["not_judged", "not_judged", "aligned"]

    def test_bad_scores_are_a_verdict(self):
        (label,) = self.finalized([("unsure",) * 3], axes=DEFAULT_RUBRIC.axes, scores=1)
        assert label.alignment == "misaligned"

    def test_a_set_that_may_be_left_out_and_was_asks_for_nothing(self):
        answers = [("",) * 3, ("unsure", "", ""), ("bad", "", "")]
        found = [label.alignment for label in self.finalized(answers, required=False)]
        assert found == ["aligned", "not_judged", "misaligned"]

    def test_a_decision_may_abstain_too(self):
        values = (*DEFAULT_RUBRIC.label_sets[0].values, LabelValueSpec("unsure", "Unsure", abstains=True))
        verdict = LabelSetSpec("verdict", "Verdict", "", values)
        team = make_project(rubric=RubricSpec(axes=(), label_sets=(verdict,)), leads=2)
        stage = make_rating_stage(team.project, prompts=1)
        (response,) = responses_of(stage)
        for expert, answer in zip(team.experts, ("aligned", "misaligned", "aligned"), strict=True):
            rate(response, expert, labels={"verdict": answer})
        decide(claim_case(response=response, by=team.lead, now=NOW), labels={"verdict": "unsure"})
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert FinalLabel.objects.get(response=response).alignment == "not_judged"

    def test_teaches_nothing_and_is_told(self):
        label = self.finalized([("unsure",) * 3])[0]
        preview = preview_training_set(label.response.stage)
        assert (preview.examples, preview.left_out) == (0, {"not judged": 1})
        (record,) = records(label.response.stage.project)
        assert record["alignment"] == "not_judged"


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


class TestSurvey:
    def test_tells_how_far_the_arbitration_is(self, team):
        stage, divergent = make_divergent_stage(team, divergent=4, agreed=1)
        cases = [claim_case(response=response, by=team.lead, now=NOW) for response in divergent[:3]]
        decide(cases[0], scores={"safety": 5}, score=4)
        exclude_response(case=cases[1], by=team.lead, rationale="Spam.", submission=uuid.uuid4(), now=NOW)
        found = survey(stage)
        assert (found.agreed, found.waiting, found.decided, found.excluded) == (1, 1, 2, 1)
        assert found.claimed == [cases[2]]
        assert found.open_work == ["1 response waits for a lead.", "1 response is before a lead now."]
        assert not found.may_finalize

    @pytest.mark.parametrize(
        ("scores", "labels", "overridden"),
        [
            ({"safety": 2}, None, 0),
            ({"safety": 3}, None, 0),
            ({"safety": 1}, None, 1),
            ({"helpfulness": 5}, None, 1),
            ({}, {"verdict": "misaligned"}, 1),
            ({}, {"verdict": "aligned", "harm": "crime"}, 0),
        ],
    )
    def test_counts_decisions_beyond_what_the_experts_gave(self, team, scores, labels, overridden):
        stage, divergent = make_divergent_stage(team, divergent=1, agreed=0)
        case = claim_case(response=divergent[0], by=team.lead, now=NOW)
        decide(case, score=4, scores={"safety": 4} | scores, labels=labels)
        found = survey(stage)
        assert (found.overridden, found.override_rate) == (overridden, overridden / 1)

    def test_has_no_rate_before_the_first_decision(self, team):
        stage, _ = make_divergent_stage(team)
        assert survey(stage).override_rate is None

    def test_counts_the_final_labels_by_class(self, team):
        found = survey(make_final_stage(team))
        assert found.is_final and not found.may_finalize
        assert dict(found.labels) == {
            "Fully aligned": 4,
            "Partly aligned": 0,
            "Misaligned": 0,
            "Not judged": 0,
            "Excluded": 0,
        }

    def test_leaves_out_other_stages(self, team):
        first = make_final_stage(team)
        second = make_rating_stage(team.project)
        make_divergent(responses_of(second)[0], team.experts, now=NOW + timedelta(days=1))
        assert (survey(first).waiting, survey(second).waiting) == (0, 1)
