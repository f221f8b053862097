"""No decision is a dead end: a case goes back to its experts, gets one more rating, or a decision is reopened."""

from django.db import transaction

from annotation.agreement import Reason
from annotation.answers import Fault, InvalidAnswers
from annotation.deciding import find_again, lock_response
from annotation.models import DivergenceReason
from annotation.returning import return_to_experts, want_one_more
from arbitration.cases import hold, own_case
from arbitration.models import Case, Decision
from core import audit
from core.access import ADMIN, LEAD
from core.errors import Conflict, NotAllowed
from core.limits import asked_text
from core.locks import lock_stage
from core.models import Stage
from core.transitions import transition

FINAL = "The labels of this stage are final: its decisions stand."
NOT_STANDING = "This decision was reopened or overtaken already: see what has come since under the case."


@transaction.atomic
def return_case(*, case, by, question, now):
    """Give a case back to the experts who rated its response, with a question. Returns the Return.

    They find the question and their former answers on their desk; when all have answered, or their time is up, the
    ratings decide anew. Raises InvalidAnswers without a question, NotAllowed for another's case, Conflict where it is
    no longer the lead's or none of the experts is left.
    """
    question = _words(question, "question", "Write what you want to ask the experts.")
    response, case = _held(case, by, now)
    with audit.Trail() as trail:
        returned = return_to_experts(response, question=question, by=by, now=now, trail=trail)
        transition(case, Case.Status.RETURNED, by=by, now=now, trail=trail, closed_at=now)
        trail.record("response:return", response, by=by, now=now, detail=question)
    return returned


@transaction.atomic
def ask_one_more(*, case, by, now):
    """Ask for one more rating of a case's response, by an expert who has no part in it yet; then they decide anew.

    Raises NotAllowed for another's case, Conflict where it is no longer the lead's or no expert is left.
    """
    response, case = _held(case, by, now)
    with audit.Trail() as trail:
        want_one_more(response, by=by, now=now, trail=trail)
        transition(case, Case.Status.RETURNED, by=by, now=now, trail=trail, closed_at=now)
        params = {"ratings": response.ratings_needed}
        trail.record("response:one_more", response, by=by, now=now, params=params)


@transaction.atomic
def reopen_decision(*, decision, by, reason, now):
    """Put a decided response before the leads again: one's own decision, or any as an admin, with the reason why.

    The decision stays in the case's history. Raises InvalidAnswers without a reason, NotAllowed for another's decision,
    Conflict where it does not stand any more or the labels are final.
    """
    reason = _words(reason, "reason", "Say in a sentence why it has to be decided again.")
    response = decision.case.response
    roles = set(response.stage.project.memberships.filter(user=by).values_list("role", flat=True))
    if ADMIN not in roles and (LEAD not in roles or decision.lead_id != by.pk):
        raise NotAllowed("Only the lead who decided, or an admin of the project, can reopen a decision.")
    response = _lock(response)
    if not Decision.objects.standing().filter(pk=decision.pk).exists():
        raise Conflict(NOT_STANDING)
    with audit.Trail() as trail:
        why = Reason(DivergenceReason.Kind.REOPENED, asked_by=by.pk, note=reason)
        find_again(response, why, by=by, now=now, trail=trail)
        trail.record(
            "decision:reopen", decision, by=by, now=now, project=response.stage.project_id, detail=reason
        )


def _held(case, by, now):
    response = _lock(case.response)
    case = hold(own_case(case, by=by), by=by, now=now)
    return response, case


def _lock(response):
    """The response, locked behind its stage, which takes ratings still."""
    if lock_stage(response.stage).status != Stage.Status.RATING:
        raise Conflict(FINAL)
    return lock_response(response.pk)


def _words(text, part, missing):
    text, fault = asked_text(text, missing)
    if fault:
        raise InvalidAnswers([Fault(fault, part=part)])
    return text
