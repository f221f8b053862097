"""What becomes of a response once it has its ratings, or can no longer get them."""

from django.db import transaction
from django.db.models import Exists, OuterRef

from annotation.agreement import Judgement, Reason, Rules, find_divergence
from annotation.models import (
    Assignment,
    Divergence,
    DivergenceReason,
    Involvement,
    Rating,
    RatingLabel,
    RatingScore,
    Response,
)
from core.models import LabelSet, Membership
from core.transitions import transition, transition_all


def lock_response(pk):
    """The response, locked for what is to be decided on it, with its stage and policy.

    Whoever writes a rating, a refusal or the end of a lease takes this lock first, so that on PostgreSQL the
    count of its ratings cannot change between reading and deciding, and locks are always taken in the same
    order (response, then slots). SQLite runs one writing transaction at a time anyway.
    """
    queryset = Response.objects.select_for_update(of=("self",), no_key=True)
    return queryset.select_related("stage__policy", "stage__project").get(pk=pk)


def decide_response(response, *, by, now):
    """Move a locked response on where its ratings decide it: AGREED, DIVERGENT, or not yet (unchanged).

    With k ratings the divergence rule decides. With fewer it goes to a lead as soon as nobody holds a slot of
    it and too few experts are left who could rate it. Call it inside the caller's transaction.
    """
    if response.status != Response.Status.AWAITING_RATINGS:
        return response
    k = response.stage.policy.ratings_per_response
    given = Rating.objects.filter(response=response).count()
    if given < k and not _is_unjudgeable(response, still_needed=k - given):
        return response
    ratings = list(Rating.objects.filter(response=response).order_by("id"))
    reasons = find_divergence(judgements_of(ratings), rules_of(response.stage.policy))
    if not reasons:
        return transition(response, Response.Status.AGREED, by=by, now=now)
    transition(
        response,
        Response.Status.DIVERGENT,
        by=by,
        now=now,
        detail=", ".join(reason.kind for reason in reasons),
    )
    _record_divergence(response, ratings, reasons, now)
    if given < k:
        transition_all(
            response.assignments.all(),
            old=Assignment.Status.OPEN,
            to=Assignment.Status.CLOSED,
            by=by,
            now=now,
            about=response,
            verb="assignment:close",
            detail="Too few experts can judge the response.",
        )
    return response


def escalate_unjudgeable(*, now):
    """Send to the leads what too few experts can judge since somebody left the project. Returns how many.

    A decline decides at once; this finds what only a change of the project's people made hopeless.
    """
    declined = Involvement.objects.filter(response=OuterRef("response"), part=Involvement.Part.DECLINED)
    slots = Assignment.objects.filter(status=Assignment.Status.OPEN, reopened_at__isnull=False)
    escalated = 0
    for pk in slots.filter(Exists(declined)).order_by().values_list("response", flat=True).distinct():
        with transaction.atomic():
            response = decide_response(lock_response(pk), by=None, now=now)
            escalated += response.status == Response.Status.DIVERGENT
    return escalated


def judgements_of(ratings):
    """The ratings as the pure rule reads them, in the order given; axes, sets and answers by primary key."""
    ratings = list(ratings)
    scores, labels = {rating.pk: {} for rating in ratings}, {rating.pk: {} for rating in ratings}
    for row in RatingScore.objects.filter(rating__in=ratings).order_by():
        scores[row.rating_id][row.axis_id] = row.value
    for row in RatingLabel.objects.filter(rating__in=ratings).order_by():
        labels[row.rating_id][row.label_set_id] = row.value_id
    return [
        Judgement(rating.expert_id, scores[rating.pk], labels[rating.pk], rating.asks_senior)
        for rating in ratings
    ]


def rules_of(policy):
    """What of a policy decides divergence, by primary key."""
    label_sets = LabelSet.objects.filter(rubric=policy.rubric_id, escalates=True).prefetch_related("values")
    return Rules(
        ratings_per_response=policy.ratings_per_response,
        tolerances=dict(policy.tolerances.order_by("axis__position").values_list("axis", "tau")),
        escalating={
            label_set.pk: frozenset(value.pk for value in label_set.values.all() if value.abstains)
            for label_set in label_sets
        },
    )


def replay(divergence):
    """The reasons that the stored ratings of a divergence give under its policy: what was stored then."""
    return find_divergence(judgements_of(divergence.ratings.order_by("id")), rules_of(divergence.policy))


def stored_reasons(divergence):
    """The stored reasons in the pure rule's form and order: equal to `replay` of the same divergence."""
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
    ]


def _is_unjudgeable(response, still_needed):
    """Whether somebody declined, nobody is at it, and fewer than `still_needed` experts could still rate it."""
    if not response.involvements.filter(part=Involvement.Part.DECLINED).exists():
        return False
    if response.assignments.filter(status=Assignment.Status.LEASED).exists():
        return False
    taken_part = Involvement.objects.filter(response=response, user=OuterRef("user"))
    experts = Membership.objects.filter(project=response.stage.project_id, role=Membership.Role.EXPERT)
    return experts.filter(~Exists(taken_part)).count() < still_needed


def _record_divergence(response, ratings, reasons, now):
    divergence = Divergence.objects.create(
        response=response,
        policy=response.stage.policy,
        adverse=RatingLabel.objects.filter(rating__in=ratings, value__adverse=True).exists(),
        spread=max((reason.spread for reason in reasons if reason.spread), default=0),
        asked=any(reason.kind == DivergenceReason.Kind.ASKED for reason in reasons),
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
        )
        if reason.values:
            row.values.set(reason.values)
