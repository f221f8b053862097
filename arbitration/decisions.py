"""What a lead sets down: checking it whole, and writing it."""

from dataclasses import dataclass, field

from annotation.answers import InvalidAnswers, check_answers, text_fault
from arbitration.models import Decision, DecisionLabel, DecisionScore
from core.texts import tidy


@dataclass(frozen=True)
class Consensus:
    """A checked decision: scores by axis row, answers (label value rows) by label set row, and why."""

    rationale: str
    scores: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)


def check_consensus(policy, *, scores, labels, rationale):
    """The Consensus that the given keys and values make under a policy. Raises InvalidAnswers with every fault."""
    scores, labels, faults = check_answers(policy.rubric, scores=scores, labels=labels)
    faults |= _rationale_faults(rationale)
    if faults:
        raise InvalidAnswers(faults)
    return Consensus(tidy(rationale).strip(), scores, labels)


def check_rationale(rationale):
    """A Consensus of nothing but its rationale, as an exclusion needs it. Raises InvalidAnswers without one."""
    if faults := _rationale_faults(rationale):
        raise InvalidAnswers(faults)
    return Consensus(tidy(rationale).strip())


def _rationale_faults(rationale):
    rationale = tidy(rationale)
    fault = text_fault(rationale) if rationale else "Say in a sentence why you decide so."
    return {"rationale": fault} if fault else {}


def write_decision(case, outcome, consensus, *, submission, now):
    """Store a checked decision on a case."""
    decision = Decision.objects.create(
        case=case,
        lead_id=case.lead_id,
        policy=case.response.stage.policy,
        outcome=outcome,
        rationale=consensus.rationale,
        submission=submission,
        created_at=now,
    )
    DecisionScore.objects.bulk_create(
        DecisionScore(decision=decision, axis=axis, value=value) for axis, value in consensus.scores.items()
    )
    DecisionLabel.objects.bulk_create(
        DecisionLabel(decision=decision, label_set=label_set, value=value)
        for label_set, value in consensus.labels.items()
    )
    return decision
