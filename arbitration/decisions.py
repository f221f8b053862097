"""What a lead sets down: checking it whole, and writing it."""

from dataclasses import dataclass, field

from annotation.answers import Answers, Fault, InvalidAnswers, check_answers, load_answers, write_answers
from arbitration.models import AcceptedRevision, Decision, RejectedRevision
from core.errors import Conflict
from core.limits import asked_text
from core.policies import whole

CHANGED_SINCE = (
    "This form was sent before, and decided as it was then: what you have changed since was not taken."
)


@dataclass(frozen=True)
class Consensus:
    """A checked decision: its answers, none for an exclusion, and why."""

    rationale: str
    answers: Answers = field(default_factory=Answers)


def check_consensus(policy, *, scores, labels, rationale):
    """The Consensus that the given keys and values make under a policy. Raises InvalidAnswers with every fault."""
    answers, faults = check_answers(whole(policy).rubric, scores=scores, labels=labels)
    rationale, rationale_faults = _rationale(rationale)
    if faults := faults + rationale_faults:
        raise InvalidAnswers(faults)
    return Consensus(rationale, answers)


def check_rationale(rationale):
    """A Consensus of nothing but its rationale, as an exclusion needs it. Raises InvalidAnswers without one."""
    rationale, faults = _rationale(rationale)
    if faults:
        raise InvalidAnswers(faults)
    return Consensus(rationale)


def _rationale(text):
    """(the rationale as it is kept, the Faults of it)."""
    rationale, what = asked_text(text, "Say in a sentence why you decide so.")
    return rationale, [Fault(what, part="rationale")] if what else []


def unchanged(decision, outcome, consensus, accepted=None, rejected=frozenset()):
    """The decision that a form became when it was sent before. Raises Conflict where it says something else now.

    `accepted`: the key of the rating whose revised response is accepted, and the text; `rejected`: keys of ratings.
    """
    stored = Consensus(decision.rationale, load_answers(Decision, [decision.pk])[decision.pk])
    response, at = decision.case.response_id, decision.created_at
    taken = AcceptedRevision.objects.filter(
        response=response, accepted_by=decision.lead_id, created_at=at
    ).values_list("rating", "text")
    refused = RejectedRevision.objects.filter(
        rating__response=response, rejected_by=decision.lead_id, created_at=at
    ).values_list("rating", flat=True)
    if (decision.outcome, stored, taken.first(), set(refused)) != (outcome, consensus, accepted, rejected):
        raise Conflict(CHANGED_SINCE)
    return decision


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
