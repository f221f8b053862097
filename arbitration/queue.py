"""The lead's queue. It is no table: it is the query over divergent responses without a live case."""

from django.db.models import Count, Exists, FilteredRelation, OuterRef, Q

from annotation.models import Divergence, DivergenceReason, Involvement, Response
from annotation.searching import found_words
from arbitration.models import Case
from core.models import Stage

Kind = DivergenceReason.Kind
ADVERSE = "adverse"
# What the queue can be filtered by, in the order in which it is sorted.
FILTERS = {
    ADVERSE: "Adverse label",
    Kind.SPREAD: "Scores apart",
    Kind.CONFLICT: "Labels conflict",
    Kind.ASKED: "Senior asked",
    Kind.UNJUDGEABLE: "Too few ratings",
    Kind.CORRECTED: "Changed after a decision",
    Kind.REOPENED: "Decision reopened",
}


WORST_FIRST = ("-finding__adverse", "-finding__spread", "-finding__asked", "finding__created_at", "position")
ORDERS = {
    "": ("What matters most", WORST_FIRST),
    "waiting": ("Longest waiting", ("finding__created_at", "position")),
    "newest": ("Newest", ("-finding__created_at", "position")),
    "spread": ("Widest spread", ("-finding__spread", "finding__created_at", "position")),
}
"""{key: (name, fields)}: what the queue can be sorted by."""


def queue(*, stages, lead, now, reason=None, words="", order=""):
    """The responses of `stages` that `lead` may take on, those that matter most first, whichever stage they are of.

    First where an expert chose an adverse label, then by the largest spread of an axis, then where an
    expert asked for a senior, then the longest waiting; or in another of the ORDERS. What the lead
    rated or declined is not theirs to settle; what another lead holds is left out until that claim lapses. `reason`:
    one of FILTERS; `words`: a part of the prompt, its id or a tag, whatever its case and accents.
    """
    responses = open_to(stages=stages, lead=lead, now=now)
    if reason:
        responses = _only(responses, reason)
    if words:
        found = found_words(stages[0].project_id, words)
        responses = responses.filter(prompt__in=found.order_by().values("prompt"))
    return responses.order_by(*ORDERS[order][1], "pk")


def as_shown(keys):
    """The responses with these primary keys, in this order, with all that the queue shows of them and with their
    current `divergence`.

    Read apart from the sorting, which would carry the text of every waiting response along.
    """
    keys = list(keys)
    findings = Divergence.objects.current().filter(response__in=keys).select_related("response__prompt")
    found = {}
    for each in findings.prefetch_related("reasons__axis", "reasons__label_set", "reasons__values"):
        found[each.response_id] = each.response
        each.response.divergence = each
    return [found[key] for key in keys if key in found]


def open_to(*, stages, lead, now):
    """The queue as a set: unordered. `finding` is the current divergence of each."""
    live = Case.objects.filter(divergence=OuterRef("finding")).filter(
        Q(status=Case.Status.RESOLVED) | Q(status=Case.Status.CLAIMED, lease_until__gt=now)
    )
    took_part = Involvement.objects.filter(
        response=OuterRef("pk"), user=lead, part__in=[Involvement.Part.RATED, Involvement.Part.DECLINED]
    )
    current = FilteredRelation("divergences", condition=Q(divergences__superseded_at=None))
    return Response.objects.annotate(finding=current).filter(
        ~Exists(live),
        ~Exists(took_part),
        stage__in=stages,
        stage__status=Stage.Status.RATING,
        status=Response.Status.DIVERGENT,
    )


def count_by_reason(*, stages, lead, now):
    """How many responses of the queue have each reason: {reason: n}, and all of them under None."""
    counts = {kind: Q(finding__reasons__kind=kind) for kind in Kind.values}
    counts |= {ADVERSE: Q(finding__adverse=True), "every": None}
    # Distinct: a response with two axes apart has two reasons of one kind.
    found = open_to(stages=stages, lead=lead, now=now).aggregate(
        **{name: Count("pk", distinct=True, filter=which) for name, which in counts.items()}
    )
    return {None: found.pop("every")} | found


def not_theirs(*, stages, lead):
    """How many divergent responses of `stages` are not the lead's to settle, because they took part in them."""
    return Response.objects.filter(
        stage__in=stages,
        status=Response.Status.DIVERGENT,
        involvements__user=lead,
        involvements__part__in=[Involvement.Part.RATED, Involvement.Part.DECLINED],
    ).count()


def _only(responses, reason):
    if reason == ADVERSE:
        return responses.filter(finding__adverse=True)
    reasons = DivergenceReason.objects.filter(divergence=OuterRef("finding"), kind=reason)
    return responses.filter(Exists(reasons))
