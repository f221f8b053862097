"""Revised responses the consensus accepts: what the model should have said.

Text that most experts wrote is accepted when the stage is finalized (arbitration/labels.py). Any other one a lead may
accept: with the decision on a case, or here, on a response the experts agreed on. It is optional work and keeps no
stage from being finalized.
"""

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from annotation.models import Involvement, Rating, Response
from arbitration.consensus import ALIGNED
from arbitration.models import AcceptedRevision
from arbitration.outcomes import CHUNK, Rulebook, gather
from core import audit
from core.access import LEAD
from core.errors import Conflict, InvalidInput, NotAllowed
from core.locks import lock_stage
from core.models import Stage
from core.texts import is_blank

Status = Response.Status


@transaction.atomic
def accept_revision(*, rating, by, now):
    """Accept the revised response of a rating. Accepting the same one twice is the same as once.

    For responses whose ratings are complete, in a stage whose labels are not yet final. Raises NotAllowed for a
    person who is no lead, who wrote the revision, or who rated a response that still diverges; InvalidInput for a
    rating without a revision; Conflict where another one was accepted or the labels are final.
    """
    rating = Rating.objects.select_related("response__stage__project").get(pk=rating.pk)
    response = rating.response
    if not response.stage.project.memberships.filter(user=by, role=LEAD).exists():
        raise NotAllowed("Only a lead of this project can accept a revised response.")
    # Waits for a finalization under way, and keeps one from passing this by.
    stage = lock_stage(response.stage)
    if stage.status != Stage.Status.RATING:
        raise Conflict("The labels of this stage are final: nothing can be accepted any more.")
    # A lead may exclude it, or its expert correct the rating, at this moment.
    response.refresh_from_db(fields=["status"], from_queryset=Response.objects.select_for_update(no_key=True))
    rating.refresh_from_db(fields=["superseded_at"])
    if response.status not in (Status.AGREED, Status.DIVERGENT, Status.RESOLVED):
        raise Conflict("A revised response can be accepted once all ratings are in, unless it is excluded.")
    if response.status == Status.DIVERGENT and _took_part(response, by):
        raise NotAllowed("You rated this response or could not judge it, so another lead has to settle it.")
    earlier = AcceptedRevision.objects.standing().filter(response=response).first()
    if earlier and earlier.rating_id == rating.pk:
        return earlier
    check_acceptable(rating, response=response, by=by)
    return accept(rating, by=by, now=now)


def check_acceptable(rating, *, response, by):
    """Raise unless `by` may accept the revised response of `rating` for `response`."""
    if rating.response_id != response.pk:
        raise InvalidInput("This revised response belongs to another response.")
    if rating.superseded_at is not None:
        raise Conflict(
            "Its expert has taken this back or corrected it since: reload the page to see what they say now."
        )
    if is_blank(rating.revised_response):
        raise InvalidInput("This rating carries no revised response.")
    if rating.expert_id == by.pk:
        raise NotAllowed("You wrote this revised response yourself: another lead has to accept it.")
    if AcceptedRevision.objects.standing().filter(response=response).exists():
        raise Conflict("A revised response has already been accepted here.")


def accept(rating, *, by, now):
    """Write the acceptance of a checked rating, inside the caller's transaction."""
    drop_outdated(AcceptedRevision.objects.filter(response=rating.response_id), now=now)
    try:
        with transaction.atomic():
            revision = AcceptedRevision.objects.create(
                response_id=rating.response_id,
                rating=rating,
                text=rating.revised_response,
                accepted_by=by,
                created_at=now,
            )
    except IntegrityError:  # one accepted revision a response: another lead was quicker
        raise Conflict("A revised response has already been accepted here.") from None
    audit.record("revision:accept", revision, by=by, now=now, params={"rating": rating.pk})
    return revision


def pass_over(response, *, now, but=None):
    """A decision is made anew: what was accepted holds no more, unless it is of the rating `but`, which it accepts."""
    accepted = AcceptedRevision.objects.filter(response=response, superseded_at=None)
    accepted.exclude(rating=but).update(superseded_at=now)


def drop_outdated(accepted, *, now):
    """Supersede those of the `accepted` revisions whose rating counts no more, so that others can take their place."""
    outdated = accepted.filter(superseded_at=None, rating__superseded_at__isnull=False)
    outdated.update(superseded_at=now)


def pending_revisions(stage):
    """The responses a lead may still accept a revised response for, as a list of primary keys in hand-out order.

    They are agreed, would not be fully aligned, carry a revised response, and none of theirs is accepted yet.
    """
    # From the few ratings with a revision, by their own index: a join would begin at all of the stage's responses,
    # and a rating's policy tells its project too.
    policies = list(stage.project.policies.values_list("pk", flat=True))
    revised = Rating.objects.current().exclude(revised_response="").filter(policy__in=policies)
    keys = sorted(set(revised.order_by().values_list("response", flat=True)))
    accepted = AcceptedRevision.objects.standing().filter(response=OuterRef("pk"))
    agreed = Response.objects.filter(~Exists(accepted), stage=stage, status=Status.AGREED).order_by()
    rulebook = Rulebook(stage.policy)
    pending = []
    for start in range(0, len(keys), CHUNK):
        rows = list(agreed.filter(pk__in=keys[start : start + CHUNK]).values_list("pk", "position"))
        found = gather([pk for pk, _ in rows])
        pending += [
            (position, pk) for pk, position in rows if rulebook.agreed(found[pk]).alignment != ALIGNED
        ]
    return [pk for _, pk in sorted(pending)]


def _took_part(response, by):
    parts = [Involvement.Part.RATED, Involvement.Part.DECLINED]
    return Involvement.objects.filter(response=response, user=by, part__in=parts).exists()
