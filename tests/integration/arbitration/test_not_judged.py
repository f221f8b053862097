"""What nobody judged is a class of its own."""

import pytest

from arbitration.cases import claim_case
from arbitration.labels import finalize_labels
from arbitration.models import FinalLabel
from core.rubrics import DEFAULT_RUBRIC, LabelSetSpec, LabelValueSpec, RubricSpec
from exchange.records import records
from tests.factories.annotation import make_rating_stage, rate, responses_of
from tests.factories.arbitration import decide, settle
from tests.factories.core import NOW, make_project
from training.dataset import preview_training_set

pytestmark = pytest.mark.django_db


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
