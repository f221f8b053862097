"""Revised responses the consensus accepts: what the model should have said.

Text that most experts wrote is accepted when the stage is finalized (arbitration/labels.py), unless a lead rejected it.
Any one a lead may accept as it is, edit and accept, or reject: with the decision on a case, or here, on a response the
experts agreed on. It is optional work and keeps no stage from being finalized.
"""

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from annotation.models import Involvement, Rating, Response
from arbitration.consensus import ALIGNED
from arbitration.models import AcceptedRevision, RejectedRevision
from arbitration.outcomes import CHUNK, Rulebook, gather
from core import audit
from core.access import LEAD
from core.errors import Conflict, InvalidInput, NotAllowed
from core.limits import LONGEST_TEXT, check_texts
from core.locks import lock_stage
from core.models import Stage
from core.texts import is_blank, tidy

Status = Response.Status


@transaction.atomic
def accept_revision(*, rating, by, now, text=None):
    """Accept the revised response of a rating. Accepting the same one twice is the same as once.

    `text`: what the lead made of it, where they edited it. For responses whose ratings are complete, in a stage whose
    labels are not yet final. Raises NotAllowed for a person who is no lead, who wrote the revision, or who rated a
    response that still diverges; InvalidInput for a rating without a revision or a text that cannot be taken; Conflict
    where another one was accepted or the labels are final.
    """
    rating = _open_to_leads(rating, by=by)
    text = as_edited(rating, text)
    earlier = AcceptedRevision.objects.standing().filter(response=rating.response_id).first()
    if earlier and (earlier.rating_id, earlier.text) == (rating.pk, text):
        return earlier
    check_acceptable(rating, response=rating.response, by=by)
    return accept(rating, text=text, by=by, now=now)


@transaction.atomic
def reject_revision(*, rating, by, now):
    """Say that the revised response of a rating is nothing to learn from, whoever else wrote the same.

    Rejecting it twice is the same as once. Raises as accept_revision does.
    """
    rating = _open_to_leads(rating, by=by)
    check_acceptable(rating, response=rating.response, by=by)
    return reject(rating, by=by, now=now)


def _open_to_leads(rating, *, by):
    """The rating of whose revised response the lead `by` may still say something, behind its stage and response."""
    rating = Rating.objects.select_related("response__stage__project").get(pk=rating.pk)
    response = rating.response
    if not response.stage.project.memberships.filter(user=by, role=LEAD).exists():
        raise NotAllowed("Only a lead of this project can accept or reject a revised response.")
    # Waits for a finalization under way, and keeps one from passing this by.
    stage = lock_stage(response.stage)
    if stage.status != Stage.Status.RATING:
        raise Conflict("The labels of this stage are final: nothing can be accepted or rejected any more.")
    # A lead may exclude it, or its expert correct the rating, at this moment.
    response.refresh_from_db(fields=["status"], from_queryset=Response.objects.select_for_update(no_key=True))
    rating.refresh_from_db(fields=["superseded_at"])
    if response.status not in (Status.AGREED, Status.DIVERGENT, Status.RESOLVED):
        raise Conflict(
            "A revised response can be accepted or rejected once all ratings are in, unless it is excluded."
        )
    if response.status == Status.DIVERGENT and _took_part(response, by):
        raise NotAllowed("You rated this response or could not judge it, so another lead has to settle it.")
    return rating


def as_edited(rating, text):
    """The text that is accepted with a rating: its own, or what the lead made of it. Raises InvalidInput."""
    if text is None or tidy(text) == tidy(rating.revised_response):
        return rating.revised_response
    if is_blank(text):
        raise InvalidInput("Nothing is left of the revised response: write what to accept, or reject it.")
    check_texts((text, LONGEST_TEXT, "The revised response"))
    return tidy(text)


def check_acceptable(rating, *, response, by):
    """Raise unless `by` may say whether the revised response of `rating` is accepted for `response`."""
    if rating.response_id != response.pk:
        raise InvalidInput("This revised response belongs to another response.")
    if rating.superseded_at is not None:
        raise Conflict(
            "Its expert has taken this back or corrected it since: reload the page to see what they say now."
        )
    if is_blank(rating.revised_response):
        raise InvalidInput("This rating carries no revised response.")
    if rating.expert_id == by.pk:
        raise NotAllowed("You wrote this revised response yourself: another lead has to decide on it.")
    if AcceptedRevision.objects.standing().filter(response=response).exists():
        raise Conflict("A revised response has already been accepted here.")


def accept(rating, *, text, by, now):
    """Write the acceptance of a checked rating, with the text of `as_edited`, inside the caller's transaction."""
    drop_outdated(AcceptedRevision.objects.filter(response=rating.response_id), now=now)
    RejectedRevision.objects.standing().filter(rating=rating).update(superseded_at=now)
    edited = text != rating.revised_response
    try:
        with transaction.atomic():
            revision = AcceptedRevision.objects.create(
                response_id=rating.response_id,
                rating=rating,
                text=text,
                edited=edited,
                accepted_by=by,
                created_at=now,
            )
    except IntegrityError:  # one accepted revision a response: another lead was quicker
        raise Conflict("A revised response has already been accepted here.") from None
    params = {"rating": rating.pk} | ({"edited": True} if edited else {})
    audit.record("revision:accept", revision, by=by, now=now, params=params)
    return revision


def reject(rating, *, by, now):
    """Write the rejection of a checked rating's revised response, inside the caller's transaction."""
    rejection, is_new = RejectedRevision.objects.get_or_create(
        rating=rating, superseded_at=None, defaults={"rejected_by": by, "created_at": now}
    )
    if is_new:
        audit.record("revision:reject", rejection, by=by, now=now, params={"rating": rating.pk})
    return rejection


def pass_over(response, *, now):
    """A decision is made anew: what was accepted before holds no more."""
    AcceptedRevision.objects.filter(response=response, superseded_at=None).update(superseded_at=now)


def drop_outdated(accepted, *, now):
    """Supersede those of the `accepted` revisions whose rating counts no more, so that others can take their place."""
    outdated = accepted.filter(superseded_at=None, rating__superseded_at__isnull=False)
    outdated.update(superseded_at=now)


def pending_revisions(stage):
    """The responses a lead may still accept a revised response for, as a list of primary keys in hand-out order.

    They are agreed, would not be fully aligned, carry a revised response that is not rejected, and none of theirs is
    accepted yet.
    """
    # From the few ratings with a revision, by their own index: a join would begin at all of the stage's responses,
    # and a rating's policy tells its project too.
    policies = list(stage.project.policies.values_list("pk", flat=True))
    rejected = RejectedRevision.objects.standing().filter(rating=OuterRef("pk"))
    revised = Rating.objects.current().exclude(revised_response="")
    revised = revised.filter(~Exists(rejected), policy__in=policies)
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
