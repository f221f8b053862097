"""A case from claim to resolution. One lead holds it, for a time; nobody arbitrates what they rated."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Max, OuterRef, Subquery

from annotation.models import Divergence, Involvement, Response
from arbitration.decisions import check_consensus, check_rationale, unchanged, write_decision
from arbitration.models import Case, Decision
from arbitration.queue import queue
from arbitration.revisions import accept, as_edited, check_acceptable, pass_over, reject
from core import audit
from core.access import ADMIN, LEAD
from core.errors import Conflict, InvalidInput, NotAllowed
from core.locks import require_open
from core.models import Stage
from core.transitions import StatusConflict, transition

Status = Case.Status
# How many of the first in the queue are tried when other leads are taking cases at the same moment.
TRIES = 20

TAKEN = "Another lead has just taken this case: take the next one."
LAPSED = "Your time for this case ran out, so it is back in the queue already: go on with the next one."
SETTLED = "This case is already settled: go on with the next one."
OVERTAKEN = (
    "What the experts say has changed since you took this case. What they say now is shown: look at it once more, "
    "then send your decision again."
)
SET_ASIDE = "An admin has set this response aside: go on with the next one."
NOT_YOURS = "You rated this response or could not judge it, so another lead has to settle it."


@transaction.atomic
def claim_case(*, response, by, now):
    """Put a diverging response before the lead `by` until the lease ends. Claiming one's own case again keeps it.

    Raises NotAllowed for a person who is no lead of the project or took part in the response, Conflict where
    another lead holds it or it is not divergent (any more).
    """
    # The response first, then its cases. A response that waits for a lead keeps its labels from being finalized, so
    # what is read of it under its lock holds for its stage too.
    response = (
        Response.objects.select_for_update(of=("self",), no_key=True)
        .select_related("stage__project")
        .get(pk=response.pk)
    )
    require_open(response.stage.project)
    if not response.stage.project.memberships.filter(user=by, role=LEAD).exists():
        raise NotAllowed("Only a lead of this project can take a case.")
    if response.status != Response.Status.DIVERGENT or response.stage.status != Stage.Status.RATING:
        raise Conflict("This response is no longer waiting for a lead: take the next case.")
    _become_arbiter(response, by, now)
    live = Case.objects.current().filter(response=response, status=Status.CLAIMED).first()
    if live and live.lead_id == by.pk and live.lease_until > now:
        return live
    if live and live.lease_until > now:
        raise Conflict(TAKEN)
    if live:
        try:
            _lapse(live, by=None, now=now)
        except StatusConflict:
            pass  # the sweep or another lead was quicker; the constraint on live cases decides
    return _open_case(response, by, now)


def claim_next_case(*, stages, by, now):
    """The lead's own open case of the stages, if they hold one, else the first of the queue; None if it is empty.

    What they have given back comes again once nothing else is left, what they gave back first before the rest. Where
    another lead takes the first at the same moment, the next one is tried.
    """
    own = held_by(by, stages=stages, now=now).first()
    if own:
        return own
    waiting = queue(stages=stages, lead=by, now=now)
    given_back = F("given_back").asc(nulls_first=True)
    waiting = waiting.annotate(given_back=_given_back(by)).order_by(given_back, *waiting.query.order_by)
    for response in waiting.only("pk")[:TRIES]:
        try:
            return claim_case(response=response, by=by, now=now)
        except Conflict:
            continue
    return None


def held_by(lead, *, stages, now):
    """The cases of the stages that the lead holds now, the oldest claim first."""
    cases = Case.objects.current().filter(
        lead=lead, response__stage__in=stages, status=Status.CLAIMED, lease_until__gt=now
    )
    return cases.order_by("claimed_at", "pk")


@transaction.atomic
def release_case(*, case, by, now):
    """Give a case back undecided: anyone else may take it, and its lead may take it again.

    Twice is the same as once. Raises NotAllowed for another's case, Conflict where it lapsed or was settled meanwhile.
    """
    case = own_case(case, by=by)
    if case.status == Status.RELEASED:
        return case
    if case.status == Status.LAPSED:
        raise Conflict(LAPSED)
    if case.status == Status.RESOLVED:
        raise Conflict(SETTLED)
    return transition(case, Status.RELEASED, by=by, now=now, closed_at=now)


@transaction.atomic
def call_in_case(*, case, by, now):
    """Take a case back from a lead who is away: anyone may take it. Twice is the same as once.

    Raises NotAllowed for whoever is no admin of the project, Conflict where it was settled meanwhile.
    """
    case = _locked(case)
    if not case.response.stage.project.memberships.filter(user=by, role=ADMIN).exists():
        raise NotAllowed("Only an admin of this project can call in a case.")
    if case.status == Status.RESOLVED:
        raise Conflict("This case is settled: there is nothing to call in.")
    if case.status != Status.CLAIMED:
        return case
    return transition(case, Status.RELEASED, by=by, now=now, params={"because": "called_in"}, closed_at=now)


@transaction.atomic
def resolve_case(
    *,
    case,
    by,
    scores,
    labels,
    rationale,
    submission,
    now,
    accept_rating=None,
    accept_text=None,
    reject_ratings=(),
    finding=None,
):
    """Set the consensus on a case: any values, with the reason why. The same submission twice is one decision.

    `scores`: {axis key: 1…5} for every axis; `labels`: {label set key: value key}, the required ones at least;
    `accept_rating`: a rating of the response whose revised response the consensus accepts, with `accept_text` where the
    lead edited it; where it was decided before, none means that none is accepted any more. `reject_ratings`: those
    whose revised responses are nothing to learn from. `finding`: the key of the divergence that the lead had before
    them, if it is another than that of the case. A claim that has lapsed is taken again if nobody else holds the case.

    Raises InvalidInput with every fault found, NotAllowed for another's case, Conflict where someone else took or
    settled it, or an expert changed a rating meanwhile.
    """
    case = own_case(case, by=by)
    response, policy = case.response, case.response.stage.policy
    consensus = check_consensus(policy, scores=scores, labels=labels, rationale=rationale)
    if accept_rating in reject_ratings:
        raise InvalidInput("You accept and reject the same revised response: choose one of both.")
    text = None if accept_rating is None else as_edited(accept_rating, accept_text)
    if earlier := _same_submission(case, submission):
        accepted = None if accept_rating is None else (accept_rating.pk, text)
        rejected = {rating.pk for rating in reject_ratings}
        return unchanged(earlier, Decision.Outcome.CONSENSUS, consensus, accepted, rejected)
    if response.was_settled:
        pass_over(response, now=now)
    for rating in [*([accept_rating] if accept_rating else []), *reject_ratings]:
        check_acceptable(rating, response=response, by=by)
    case = hold(case, by=by, now=now, finding=finding)
    decision = write_decision(case, Decision.Outcome.CONSENSUS, consensus, submission=submission, now=now)
    for rating in reject_ratings:
        reject(rating, by=by, now=now)
    if accept_rating is not None:
        accept(accept_rating, text=text, by=by, now=now)
    _close(case, Response.Status.RESOLVED, decision, by=by, now=now)
    return decision


@transaction.atomic
def exclude_response(*, case, by, rationale, submission, now, finding=None):
    """Decide that a response is kept out of training, with the reason why. Otherwise as `resolve_case`."""
    case = own_case(case, by=by)
    consensus = check_rationale(rationale)
    if earlier := _same_submission(case, submission):
        return unchanged(earlier, Decision.Outcome.EXCLUDED, consensus)
    case = hold(case, by=by, now=now, finding=finding)
    decision = write_decision(case, Decision.Outcome.EXCLUDED, consensus, submission=submission, now=now)
    _close(case, Response.Status.EXCLUDED, decision, by=by, now=now)
    return decision


def release_lapsed_cases(*, now):
    """Let every claim whose time is up lapse, so that its response is anyone's again. Returns how many."""
    lapsed = 0
    for case in Case.objects.filter(status=Status.CLAIMED, lease_until__lte=now).select_related(
        "response__stage__project"
    ):
        try:
            _lapse(case, by=None, now=now)
        except StatusConflict:
            continue  # resolved or released at this very moment
        lapsed += 1
    return lapsed


def _locked(case):
    """The case as it is now, locked behind its response and with its finding. Raises Archived where all is only read.

    What it joins never changes its key: its response and finding, the stage, and the policy of a stage in rating.
    """
    related = ("response__stage__project", "response__stage__policy__rubric", "divergence")
    cases = Case.objects.select_for_update(of=("response", "self", "divergence"), no_key=True)
    found = cases.select_related(*related).get(pk=case.pk)
    require_open(found.response.stage.project)
    return found


def own_case(case, *, by):
    """The case as it is now, locked as `_locked` does it, if it is `by`'s."""
    case = _locked(case)
    if case.lead_id != by.pk:
        raise NotAllowed("This case is before another lead.")
    return case


def _same_submission(case, submission):
    decision = Decision.objects.filter(submission=submission).select_related("case").first()
    if decision and (decision.lead_id, decision.case.response_id) != (case.lead_id, case.response_id):
        raise Conflict("This form was already used for another case: reload the page.")
    return decision


def hold(case, *, by, now, finding=None):
    """The claimed case of this response: the given one, or a new claim where that one has lapsed untaken.

    Where its finding was superseded, a new claim of the one that holds, if that is the `finding` the lead had seen.
    """
    if case.response.status == Response.Status.SET_ASIDE:
        raise Conflict(SET_ASIDE)
    if case.status == Status.RESOLVED:
        raise Conflict(SETTLED)
    if case.divergence.superseded_at is None:
        return case if case.status == Status.CLAIMED else claim_case(response=case.response, by=by, now=now)
    claimed = claim_case(response=case.response, by=by, now=now)
    if claimed.divergence_id != finding:
        raise Conflict(OVERTAKEN)
    if case.status == Status.CLAIMED:
        transition(case, Status.LAPSED, by=by, now=now, closed_at=now)
    return claimed


def _given_back(lead):
    """When the lead last released a response of the queue, in the query itself; NULL where they never did."""
    released = Case.objects.filter(divergence=OuterRef("finding"), lead=lead, status=Status.RELEASED)
    return Subquery(released.order_by().values("divergence").annotate(at=Max("closed_at")).values("at"))


def _become_arbiter(response, by, now):
    """Note that `by` arbitrates this response. The unique constraint refuses whoever plays another part in it."""
    involvement, _ = Involvement.objects.get_or_create(
        response=response,
        user=by,
        defaults={"part": Involvement.Part.ARBITRATES, "created_at": now},
    )
    if involvement.part != Involvement.Part.ARBITRATES:
        raise NotAllowed(NOT_YOURS)


def _open_case(response, by, now):
    try:
        with transaction.atomic():
            case = Case.objects.create(
                response=response,
                divergence=Divergence.objects.current().get(response=response),
                lead=by,
                claimed_at=now,
                lease_until=now + timedelta(minutes=settings.CASE_LEASE_MINUTES),
            )
    except IntegrityError:  # case_one_live_per_finding: somebody was quicker
        raise Conflict(TAKEN) from None
    audit.record("case:claim", case, by=by, now=now, to_status=Status.CLAIMED)
    return case


def _lapse(case, *, by, now):
    transition(case, Status.LAPSED, by=by, now=now, only_if={"lease_until__lte": now}, closed_at=now)


def _close(case, status, decision, *, by, now):
    params = {"decision": decision.pk, "outcome": decision.outcome}
    with audit.Trail() as trail:
        transition(case, Status.RESOLVED, by=by, now=now, trail=trail, params=params, closed_at=now)
        transition(case.response, status, by=by, now=now, trail=trail, params=params)
