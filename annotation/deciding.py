"""What becomes of a response once it has its ratings, or can no longer get them."""

from dataclasses import replace

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from annotation.agreement import Judgement, Reason, Rules, find_divergence
from annotation.answers import label_rows, load_answers
from annotation.models import Assignment, Divergence, DivergenceReason, Involvement, Rating, Response
from annotation.raters import raters_of, raters_of_outer
from annotation.slots import close_slots
from core import audit
from core.compiled import Compiled, Given
from core.errors import Archived
from core.models import Stage
from core.policies import whole, worked_out
from core.transitions import transition


def lock_response(pk=None, *, slot=None):
    """The response of this key, or of the slot of this key, locked with its k slots; with its stage and policy at hand.

    Whoever writes a rating, a refusal or the end of a lease takes these locks first, in this one statement, so that
    on PostgreSQL nothing of it can change between reading and deciding. A claim passes over what is locked.
    SQLite runs one writing transaction at a time anyway. `slots` of the response are the slots as they are now.
    `stage.is_alone` tells whether no other stage of the project is open for rating, `guidelines_version` the newest of
    the project's guidelines, `is_archived` whether the project can only be read: a person's act asks
    `require_changeable`. Raises Response.DoesNotExist.
    """
    found = _locked(response=pk) if slot is None else _locked_of_slot(slot=slot)
    if not found:
        return _lock_without_slots(pk)
    response = found[0].response
    response.stage.policy = whole(response.stage.policy)
    response.stage.is_alone = not found[0].others_open
    response.guidelines_version = found[0].guidelines_version
    response.is_archived = found[0].archived_at is not None
    response.slots = found
    for each in found:
        each.response, each.stage = response, response.stage
    if response.status == Response.Status.AWAITING_RATINGS and _wanted(found) < response.k:
        # While this waited, the stage's k became less: what is joined to a locked row is as it was before the wait.
        response.stage.refresh_from_db(fields=["ratings_per_response"])
    return response


def _lock_without_slots(pk):
    """A response that nobody rates: it stands in pairs alone."""
    responses = Response.objects.select_for_update(of=("self",), no_key=True)
    response = responses.select_related("stage__project").get(pk=pk)
    response.slots = []
    response.is_archived = response.stage.project.archived_at is not None
    return response


def require_changeable(response):
    """Raise Archived where the project of a locked response can only be read."""
    if response.is_archived:
        raise Archived(response.stage.project)


def _wanted(slots):
    return sum(slot.status != Assignment.Status.CLOSED for slot in slots)


def _locking(response):
    others = Stage.objects.filter(project=OuterRef("stage__project"), status=Stage.Status.RATING)
    slots = Assignment.objects.select_for_update(of=("self", "response"), no_key=True)
    slots = slots.select_related("response__stage__policy").defer("response__text").order_by("slot")
    slots = slots.annotate(
        others_open=Exists(others.exclude(pk=OuterRef("stage"))),
        guidelines_version=F("stage__project__guidelines_version"),
        archived_at=F("stage__project__archived_at"),
    )
    return slots.filter(response=response)


_locked = Compiled(lambda: _locking(Given("response", Response._meta.pk)))
_locked_of_slot = Compiled(
    lambda: _locking(
        Subquery(Assignment.objects.filter(pk=Given("slot", Assignment._meta.pk)).values("response"))
    )
)


def decide_response(response, *, by, now, trail=audit, as_it_is=False):
    """Move a locked response on where its ratings decide it: AGREED, DIVERGENT, or not yet (unchanged).

    With k ratings the divergence rule decides; one that a lead had settled before goes to a lead again in any case.
    With fewer it goes to a lead as soon as nobody holds a slot of it and too few experts are left who could rate it, or
    at once where it is to be decided `as_it_is`. Slots that are not rated by then are closed. Call it inside the
    caller's transaction.
    """
    if response.status != Response.Status.AWAITING_RATINGS:
        return response
    k = response.k
    given = sum(slot.status == Assignment.Status.SUBMITTED for slot in response.slots)
    if given < k and not as_it_is and not _is_unjudgeable(response, still_needed=k - given):
        return response
    ratings = list(Rating.objects.current().filter(response=response).order_by("id"))
    reasons = find_divergence(judgements_of(ratings), rules_of(response.stage.policy, k))
    if response.was_settled:
        reasons.append(Reason(DivergenceReason.Kind.CORRECTED))
    if reasons:
        _diverge(response, ratings, reasons, by=by, now=now, trail=trail)
    else:
        transition(response, Response.Status.AGREED, by=by, now=now, trail=trail)
    close_slots(response, because="unjudgeable" if given < k else "decided", by=by, now=now, trail=trail)
    return response


def take_back(response, *, because, by, now, trail):
    """A locked response awaits ratings again, whatever became of it; what rested on its ratings holds no more.

    Slots that were closed because nobody could fill them open again. The caller has locked the stage, which is in
    rating, before the response.
    """
    if response.status == Response.Status.AWAITING_RATINGS:
        return
    if response.status != Response.Status.AGREED:
        Divergence.objects.current().filter(response=response).update(superseded_at=now)
    settled = response.status in (Response.Status.RESOLVED, Response.Status.EXCLUDED)
    transition(
        response,
        Response.Status.AWAITING_RATINGS,
        by=by,
        now=now,
        trail=trail,
        params={"because": because},
        was_settled=response.was_settled or settled,
    )
    closed = [slot for slot in response.slots if slot.status == Assignment.Status.CLOSED]
    for slot in closed[: response.k - (len(response.slots) - len(closed))]:
        transition(slot, Assignment.Status.OPEN, by=by, now=now, trail=trail, reopened_at=now)


def find_again(response, reason, *, by, now, trail):
    """Put a locked response that a lead has settled before the leads once more, for a Reason that a person gave."""
    Divergence.objects.current().filter(response=response).update(superseded_at=now)
    ratings = list(Rating.objects.current().filter(response=response).order_by("id"))
    reasons = find_divergence(judgements_of(ratings), rules_of(response.stage.policy, response.k))
    _diverge(response, ratings, [*reasons, reason], by=by, now=now, trail=trail, was_settled=True)


def escalate_unjudgeable(*, now):
    """Send to the leads what too few experts can judge since somebody left the project. Returns how many.

    A decline decides at once; this finds what only a change of the project's people made hopeless.
    """
    declined = Involvement.objects.filter(response=OuterRef("response"), part=Involvement.Part.DECLINED)
    slots = Assignment.objects.filter(response=OuterRef("pk"), status=Assignment.Status.OPEN)
    taken_part = Involvement.objects.filter(response=OuterRef(OuterRef("pk")), user=OuterRef("user"))
    experts = raters_of_outer("stage")
    due = (
        Response.objects.filter(Exists(slots.filter(reopened_at__isnull=False).filter(Exists(declined))))
        .exclude(assignments__status=Assignment.Status.LEASED)
        .annotate(
            left=_how_many(slots, "response"), able=_how_many(experts.filter(~Exists(taken_part)), "project")
        )
        .filter(able__lt=F("left"))
    )
    escalated = 0
    for pk in list(due.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            response = decide_response(lock_response(pk), by=None, now=now)
            escalated += response.status == Response.Status.DIVERGENT
    return escalated


def _how_many(rows, of):
    """The number of `rows` of the outer query's row, in the query itself. `of`: the field they share."""
    return Coalesce(Subquery(rows.order_by().values(of).annotate(n=Count("pk")).values("n")), 0)


def judgements_of(ratings):
    """The ratings as the pure rule reads them, in the order given; axes, sets and answers by primary key."""
    ratings = list(ratings)
    given = load_answers(Rating, [rating.pk for rating in ratings])
    return [
        Judgement(rating.expert_id, given[rating.pk].scores, given[rating.pk].labels, rating.asks_senior)
        for rating in ratings
    ]


def rules_of(policy, k):
    """What of a policy decides divergence, by primary key, for a response that gets `k` ratings."""
    return replace(worked_out(policy, _make_rules), ratings_per_response=k)


def _make_rules(policy):
    return Rules(
        ratings_per_response=policy.ratings_per_response,
        tolerances={each.axis_id: each.tau for each in policy.rules.all()},
        escalating={
            label_set.pk: frozenset(value.pk for value in label_set.values.all() if value.abstains)
            for label_set in policy.rubric.label_sets.all()
            if label_set.escalates
        },
    )


def replay(divergence):
    """The reasons that the stored ratings of a divergence give under its policy: what was stored then."""
    rules = rules_of(divergence.policy, divergence.ratings_needed)
    return find_divergence(judgements_of(divergence.ratings.order_by("id")), rules)


def stored_reasons(divergence):
    """The reasons that the rule found, in its form and order: equal to `replay` of the same divergence."""
    return [
        Reason(
            reason.kind,
            axis=reason.axis_id,
            spread=reason.spread,
            tau=reason.tau,
            label_set=reason.label_set_id,
            values=tuple(sorted(value.pk for value in reason.values.all())),
            asked_by=reason.asked_by_id,
        )
        for reason in divergence.reasons.prefetch_related("values")
        if reason.kind not in DivergenceReason.OF_PEOPLE
    ]


def _is_unjudgeable(response, still_needed):
    """Whether somebody declined, nobody is at it, and fewer than `still_needed` experts could still rate it."""
    if any(slot.status == Assignment.Status.LEASED for slot in response.slots):
        return False
    # A refusal gives a slot back, and a slot that came back stays marked.
    if not any(slot.reopened_at for slot in response.slots):
        return False
    if not response.involvements.filter(part=Involvement.Part.DECLINED).exists():
        return False
    taken_part = Involvement.objects.filter(response=response, user=OuterRef("user"))
    experts = raters_of(response.stage)
    return experts.filter(~Exists(taken_part)).count() < still_needed


def _diverge(response, ratings, reasons, *, by, now, trail, **settled):
    """Move a locked response to DIVERGENT, and write down why: found over `ratings`, or told by a person."""
    transition(
        response,
        Response.Status.DIVERGENT,
        by=by,
        now=now,
        trail=trail,
        params={"reasons": [reason.kind for reason in reasons]},
        **settled,
    )
    divergence = Divergence.objects.create(
        response=response,
        policy=response.stage.policy,
        adverse=label_rows(Rating).filter(owner__in=ratings, value__adverse=True).exists(),
        spread=max((reason.spread for reason in reasons if reason.spread), default=0),
        asked=any(reason.kind == DivergenceReason.Kind.ASKED for reason in reasons),
        ratings_needed=response.k,
        created_at=now,
    )
    divergence.ratings.set(ratings)
    for reason in reasons:
        row = DivergenceReason.objects.create(
            divergence=divergence,
            kind=reason.kind,
            axis_id=reason.axis,
            spread=reason.spread,
            tau=reason.tau,
            label_set_id=reason.label_set,
            asked_by_id=reason.asked_by,
            note=reason.note,
        )
        if reason.values:
            row.values.set(reason.values)
