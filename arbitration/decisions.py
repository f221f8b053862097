"""What a lead sets down: checking it whole, and writing it."""

from dataclasses import dataclass, field

from annotation.answers import Answers, Fault, InvalidAnswers, check_answers, write_answers
from arbitration.models import Decision
from core.limits import text_fault
from core.policies import whole
from core.texts import tidy


@dataclass(frozen=True)
class Consensus:
    """A checked decision: its answers, none for an exclusion, and why."""

    rationale: str
    answers: Answers = field(default_factory=Answers)


def check_consensus(policy, *, scores, labels, rationale):
    """The Consensus that the given keys and values make under a policy. Raises InvalidAnswers with every fault."""
    answers, faults = check_answers(whole(policy).rubric, scores=scores, labels=labels)
    faults += _rationale_faults(rationale)
    if faults:
        raise InvalidAnswers(faults)
    return Consensus(tidy(rationale).strip(), answers)


def check_rationale(rationale):
    """A Consensus of nothing but its rationale, as an exclusion needs it. Raises InvalidAnswers without one."""
    if faults := _rationale_faults(rationale):
        raise InvalidAnswers(faults)
    return Consensus(tidy(rationale).strip())


def _rationale_faults(rationale):
    rationale = tidy(rationale)
    what = text_fault(rationale) if rationale else "Say in a sentence why you decide so."
    return [Fault(what, part="rationale")] if what else []


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
    write_answers([(decision, consensus.answers)])
    return decision
