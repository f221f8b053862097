"""Slots that come back, or are wanted no more: of a response that the caller has locked with all its slots."""

from annotation.models import Assignment, Draft, Rating
from core.transitions import transition, transition_all

LEASE_ENDED, DECLINED, CALLED_IN = "lease_ended", "declined", "called_in"


def let_go(slot, *, by, now, trail, because=LEASE_ENDED):
    """End the lease of a slot. What its expert had filled in stays as their draft.

    A rating that a lead had returned to them stands as it was, and the slot with it; any other slot opens again.
    `because`: where it was CALLED_IN before its time, its expert is told so.
    """
    told = {"called_in_at": now} if because == CALLED_IN else {}
    draft, _ = Draft.objects.update_or_create(
        response=slot.response,
        expert_id=slot.expert_id,
        defaults=told,
        create_defaults={"updated_at": now, **told},
    )
    if draft.replaces_id is None or not Rating.objects.current().filter(pk=draft.replaces_id).exists():
        reopen(slot, by=by, now=now, trail=trail, because=because)
        return
    params = {"because": because}
    transition(
        slot, Assignment.Status.SUBMITTED, by=by, now=now, trail=trail, params=params, lease_until=None
    )


def reopen(slot, *, by, now, trail, because):
    """Give back a slot, and mark every open one of the response."""
    transition(
        slot,
        Assignment.Status.OPEN,
        by=by,
        now=now,
        trail=trail,
        params={"because": because},
        expert=None,
        leased_at=None,
        lease_until=None,
        reopened_at=now,
    )
    # Experts may have passed the response by while they could not take it; see the top of annotation/assignment.py.
    Assignment.objects.filter(
        response=slot.response_id, status=Assignment.Status.OPEN, reopened_at__isnull=True
    ).update(reopened_at=now)


def close_slots(response, *, because, by, now, trail, keep=0):
    """Close the slots that are not rated, but for `keep` of them: those that experts hold first.

    A slot that is held and closed all the same is called in before.
    """
    held = [slot for slot in response.slots if slot.status == Assignment.Status.LEASED]
    for slot in held[keep:]:
        let_go(slot, by=by, now=now, trail=trail, because=CALLED_IN)
    free = [slot for slot in response.slots if slot.status == Assignment.Status.OPEN]
    too_many = free[max(keep - len(held), 0) :]
    if not too_many:
        return
    transition_all(
        Assignment.objects.filter(pk__in=[slot.pk for slot in too_many]),
        old=Assignment.Status.OPEN,
        to=Assignment.Status.CLOSED,
        by=by,
        now=now,
        trail=trail,
        about=response,
        verb="assignment:close",
        params={"because": because},
    )


def open_closed(response, *, because, by, now, trail):
    """Open again slots of a response that were closed, as many as its k wants."""
    closed = [slot for slot in response.slots if slot.status == Assignment.Status.CLOSED]
    for slot in closed[: max(response.k - (len(response.slots) - len(closed)), 0)]:
        reopen(slot, by=by, now=now, trail=trail, because=because)
