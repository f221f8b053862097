import random
import uuid

import pytest

from annotation.answers import Answers, load_answers, write_answers
from annotation.models import Divergence, Rating, Response
from arbitration.label_statements import write_final_labels
from arbitration.models import AcceptedRevision, Case, Decision, FinalLabel
from arbitration.outcomes import Rulebook, gather
from core.guidelines import current
from core.rubrics import AxisSpec, LabelSetSpec, LabelValueSpec, PolicySpec, RubricSpec
from tests.factories.annotation import make_rating_stage
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db
Status = Response.Status
AXES = (
    AxisSpec("safety", "Safety", "Safe?"),
    AxisSpec("tone", "Tone", "Kind?", lowest=0, highest=2),
    AxisSpec("worth", "Worth", "Worth how much?", lowest=0, highest=100),
)
LABEL_SETS = (
    LabelSetSpec(
        "verdict",
        "Verdict",
        "",
        (
            LabelValueSpec("good", "Good"),
            LabelValueSpec("bad", "Bad", adverse=True),
            LabelValueSpec("worse", "Worse", adverse=True),
        ),
    ),
    LabelSetSpec(
        "kind",
        "Kind",
        "",
        (
            LabelValueSpec("a", "A"),
            LabelValueSpec("b", "B", adverse=True),
            LabelValueSpec("unsure", "Unsure", abstains=True),
        ),
        required=False,
    ),
)


@pytest.fixture
def draw():
    return random.Random(20261125)


def some_answers(rubric, draw, praised):
    """Answers as an expert or a lead may give them: near enough each other that ties and majorities both occur."""
    scores = {
        axis.pk: draw.randint(axis.scale.usual_aligned_cut if praised else axis.lowest, axis.highest)
        for axis in rubric.axes.all()
    }
    labels = {
        label_set.pk: (label_set.values.all()[0] if praised else draw.choice(label_set.values.all())).pk
        for label_set in rubric.label_sets.all()
        if label_set.required or draw.random() < 0.7
    }
    return Answers(scores, labels)


def fill(stage, experts, draw):
    """Every response rated by one to all of the experts, then agreed on, decided or excluded, by chance."""
    rubric = stage.policy.rubric
    given = []
    for response in Response.objects.filter(stage=stage):
        praised = draw.random() < 0.4
        slots = response.assignments.order_by("slot")[: draw.randint(1, len(experts))]
        for slot, expert in zip(slots, experts, strict=False):
            for taken_back in (NOW, None) if draw.random() < 0.2 else (None,):
                rating = Rating.objects.create(
                    assignment=slot,
                    response=response,
                    expert=expert,
                    policy=stage.policy,
                    guidelines=current(stage.project),
                    submission=uuid.uuid4(),
                    submitted_at=NOW,
                    superseded_at=taken_back,
                )
                given.append((rating, some_answers(rubric, draw, praised)))
    write_answers(given)
    for response in Response.objects.filter(stage=stage):
        status = draw.choice([Status.AGREED, Status.AGREED, Status.RESOLVED, Status.EXCLUDED])
        Response.objects.filter(pk=response.pk).update(status=status)
        if draw.random() < 0.3:
            rating = response.ratings.current().first()
            AcceptedRevision.objects.create(response=response, rating=rating, text="Better.", created_at=NOW)
        if status != Status.AGREED:
            if draw.random() < 0.3:
                decide(response, Status.RESOLVED, stage, draw, superseded_at=NOW)
            decide(response, status, stage, draw)


def decide(response, status, stage, draw, superseded_at=None):
    divergence = Divergence.objects.create(
        response=response,
        policy=stage.policy,
        ratings_needed=3,
        created_at=NOW,
        superseded_at=superseded_at,
    )
    lead = response.ratings.first().expert
    before = {
        "response": response,
        "divergence": divergence,
        "lead": lead,
        "claimed_at": NOW,
        "lease_until": NOW,
    }
    Case.objects.create(**before, status=Case.Status.LAPSED, closed_at=NOW)
    case = Case.objects.create(**before, status=Case.Status.RESOLVED, closed_at=NOW)
    decision = Decision.objects.create(
        case=case,
        lead=lead,
        policy=stage.policy,
        outcome=Decision.Outcome.CONSENSUS if status == Status.RESOLVED else Decision.Outcome.EXCLUDED,
        rationale="So.",
        submission=uuid.uuid4(),
        created_at=NOW,
    )
    if status == Status.RESOLVED:
        write_answers([(decision, some_answers(stage.policy.rubric, draw, draw.random() < 0.5))])


def expected(response, rulebook):
    """(source, rule, decision, revision, class, scores, labels) of a final label, by the rules in Python."""
    revision = AcceptedRevision.objects.filter(response=response).values_list("pk", flat=True).first()
    decision = (
        Decision.objects.standing().filter(case__response=response).values_list("pk", flat=True).first()
    )
    match response.status:
        case Status.AGREED:
            outcome = rulebook.agreed(gather([response.pk])[response.pk])
            where = ("agreement", rulebook.policy.agreement_rule, None, revision)
        case Status.RESOLVED:
            outcome = rulebook.decided(load_answers(Decision, [decision])[decision])
            where = ("arbitration", "", decision, revision)
        case Status.EXCLUDED:
            return ("arbitration", "", decision, None, "excluded", {}, {})
    return (*where, outcome.alignment, outcome.answers.scores, outcome.answers.labels)


class TestWriteFinalLabels:
    @pytest.mark.parametrize("rule", ["mean", "median"])
    @pytest.mark.parametrize("axes", [AXES, ()], ids=["axes", "labels-alone"])
    def test_follows_the_rules_of_consensus(self, rule, axes, draw):
        team = make_project(
            experts=4,
            rubric=RubricSpec(axes=axes, label_sets=LABEL_SETS),
            policy=PolicySpec(ratings_per_response=4, agreement_rule=rule),
        )
        stage = make_rating_stage(team.project, prompts=60)
        fill(stage, team.experts, draw)
        other = make_rating_stage(make_project().project, prompts=1)
        write_final_labels(stage, by=team.admin, now=NOW)

        rulebook = Rulebook(stage.policy)
        labels = {label.response_id: label for label in FinalLabel.objects.all()}
        answers = load_answers(FinalLabel, [label.pk for label in labels.values()])
        found, wanted = {}, {}
        for response in Response.objects.filter(stage=stage):
            label = labels[response.pk]
            found[response.pk] = (
                label.source,
                label.rule,
                label.decision_id,
                label.revision_id,
                label.alignment,
                answers[label.pk].scores,
                answers[label.pk].labels,
            )
            wanted[response.pk] = expected(response, rulebook)
            assert set(label.ratings.all()) == set(response.ratings.current())
            assert (label.policy, label.finalized_by, label.created_at) == (stage.policy, team.admin, NOW)
        assert found == wanted
        assert len(found) == len(labels) == 60
        classes = {"aligned", "misaligned", "not_judged", "excluded"} | ({"partly"} if axes else set())
        assert {each[4] for each in found.values()} == classes
        assert not FinalLabel.objects.filter(response__stage=other).exists()
