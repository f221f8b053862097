"""Drafts: what an expert has filled in of a response and not yet submitted.

One person may write in two tabs or on two machines. Every page carries a form with a key of its own, and counts its
saves. Of one form the later save counts. Another form's draft is replaced only by one that came after it: whose page
was opened with it or goes on from what the browser had kept of it, or whose writer was told of it and chose.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from annotation.assignment import renew_lease
from annotation.models import Draft
from core.errors import Conflict, NotAllowed
from core.locks import require_open
from core.models import Project

NOT_YOURS = "This response is not before you."


@dataclass(frozen=True)
class Writing:
    """Where a draft is written: the form's key, the how-manieth save of this form it is (None where nobody counts), and
    the version of the draft that its writer has `seen` ("" for none). Where it goes on from what the browser kept of
    another form, `follows` has that form's key and the how-manieth save it would have been."""

    form: UUID
    turn: int | None = None
    seen: str = ""
    follows: tuple[UUID, int] | None = None


class DraftMoved(Conflict):
    """The expert has written on elsewhere since this page was opened. `draft` is what they wrote there."""

    def __init__(self, draft):
        super().__init__("You have written on in another tab or on another machine since.")
        self.draft = draft


@transaction.atomic
def save_draft(*, response, by, fields, now, writing=None):
    """Keep what an expert has filled in so far, as the form's fields, and renew their lease. Returns the Draft.

    Also after the lease has ended. Without `writing` it replaces whatever draft there is. Raises NotAllowed for
    somebody who was never given the response, DraftMoved for a form that is behind another, Archived where the project
    can only be read.
    """
    # The renewal waits for a submit that is under way: what that settles is no draft any more.
    held = renew_lease(response=response, expert=by, now=now)
    draft = Draft.objects.select_for_update().filter(response=response, expert=by).first()
    require_open(Project.objects.get(stages__responses=response))
    if draft is None and not held:
        raise NotAllowed(NOT_YOURS)
    return write_draft(draft or Draft(response=response, expert=by), fields, now=now, writing=writing)


def write_draft(draft, fields, *, now, writing=None):
    """Keep the fields in a locked draft, of whatever, or in a new one. Returns it. Raises DraftMoved.

    What says the same as before is the same version: a save that was sent again is no news to another form.
    """
    is_news = draft.pk is None or _content(draft.fields) != _content(fields)
    if writing is not None:
        is_own = draft.form == writing.form
        if is_own and writing.turn is not None and draft.turn >= writing.turn:
            return draft  # an earlier save, which a later one has overtaken
        if is_news:
            check_not_behind(draft, writing)
        before = draft.turn if is_own else 0
        draft.form, draft.turn = writing.form, before + 1 if writing.turn is None else writing.turn
    draft.fields = fields
    if is_news:
        draft.updated_at = now
    draft.save()
    return draft


def drop_draft(response, expert, writing=None):
    """Delete what a rating of a locked response takes the place of. Returns the key of the rating that the draft was
    to replace, None without. Raises DraftMoved as `save_draft` does."""
    # Nothing hangs on a draft: what the ORM would look for before it deletes one is not there.
    sql = "DELETE FROM annotation_draft WHERE response_id = %s AND expert_id = %s RETURNING *"
    for draft in Draft.objects.raw(sql, [response.pk, expert.pk]):
        if writing is not None:
            check_not_behind(draft, writing)
        return draft.replaces_id
    return None


def _content(fields):
    return {name: text for name, text in fields.items() if name != "seconds"}


def check_not_behind(draft, writing):
    """Raise DraftMoved where a draft was written on in another form than the one that is `writing`."""
    form, turn = writing.follows or (None, 0)
    is_own = draft.form == writing.form or (
        draft.form is not None and draft.form == form and draft.turn <= turn
    )
    if draft.fields and not is_own and draft.version != writing.seen:
        raise DraftMoved(draft)
