"""Preferences: an expert's choice between two responses, submitted once, and taken back until the stage is final."""

from django.db import IntegrityError, transaction

from annotation.answers import Fault, InvalidAnswers
from annotation.assignment import lease_end
from annotation.drafts import check_not_behind, write_draft
from annotation.models import Choice, Pair, PairDecline, PairDraft, PairSlot, Preference
from annotation.pair_hand_out import renew_pair_lease, take_pair
from annotation.pairs import decide_pair, lock_pair, require_changeable, sides_of, take_back_pair
from annotation.rating import CHANGED_SINCE, USED, as_kept
from core import audit
from core.errors import Conflict, NotAllowed
from core.guidelines import shown_version
from core.limits import LONGEST_REMARK, text_fault
from core.locks import lock_stage
from core.models import Stage
from core.policies import whole
from core.texts import tidy
from core.transitions import transition

CHOICE = "choice-"
"""What the fields of a form are called by, with the axis' key."""
OVERALL = ""
"""What the one choice over all of a pair is keyed by, where an axis has its key."""
NOT_YOURS = "These two responses are not before you."
NOT_OPEN = (
    "These two responses are no longer open. What you wrote is kept as a draft; go on with the next ones."
)
FINAL = "The labels of this stage are final, so its preferences stay as they are."
OUTDATED = "You have taken this preference back since: go on with what is before you."


class AlreadyPreferred(Conflict):
    """The expert has judged this pair before. `preference` is what was stored then; what came now was not taken."""

    def __init__(self, message, preference):
        super().__init__(message)
        self.preference = preference


def submit_preference(
    *,
    slot,
    by,
    choices,
    submission,
    now,
    project=None,
    guidelines=None,
    comment="",
    seconds=None,
    writing=None,
):
    """Store one expert's preference and, if it is the k-th, end the pair. Returns the Preference.

    `slot`: the PairSlot, or its primary key. `choices`: {axis key: "left", "equal" or "right"} for every axis, or
    {OVERALL: …} in a stage that asks for one choice over all; the sides are those of `sides_of`. The rest is as with
    `submit_rating`: `submission` sent twice gives the first preference again, and a lease that ended meanwhile is taken
    up again where a slot is still open.

    Raises InvalidAnswers naming every fault, NotAllowed for somebody who was never given the pair, Conflict where it
    takes no more preferences, AlreadyPreferred where they have judged it, DraftMoved where they have written on
    elsewhere. The draft stays in every case.
    """
    try:
        with transaction.atomic():
            pair = _own_pair(getattr(slot, "pk", slot), project, by)
            require_changeable(pair)
            held = next((each for each in pair.slots_now if each.expert_id == by.pk), None)
            if held is not None and held.status != PairSlot.Status.LEASED:
                held = None
            before = None if held else _same_submission(pair, submission, by=by)
            found = _checked(pair.stage, choices, comment)
            if before is not None:
                if _is_same(before, *found):
                    return before
                raise AlreadyPreferred(CHANGED_SINCE, before)
            return _store(pair, held, *found, by, guidelines, submission, seconds, writing, now)
    except IntegrityError:
        # The same form for different pairs; for one, its lock serializes them.
        raise Conflict(USED) from None


@transaction.atomic
def withdraw_preference(*, preference, by, now):
    """Take back a preference of one's own: it counts no more, and its pair is before them again. Returns the slot.

    What they had chosen is the draft with which they go on; what comes of it supersedes the preference. Twice is the
    same as once. Raises NotAllowed for another's, Conflict where the stage is final or it was superseded meanwhile.
    """
    preference = Preference.objects.select_related("pair__stage").get(pk=preference.pk)
    if preference.expert_id != by.pk:
        raise NotAllowed("This is not a preference of yours.")
    if lock_stage(preference.pair.stage).status != Stage.Status.RATING:
        raise Conflict(FINAL)
    pair = lock_pair(preference.pair_id)
    slot = next(each for each in pair.slots_now if each.pk == preference.slot_id)
    if slot.status == PairSlot.Status.LEASED and slot.expert_id == by.pk:
        return slot  # taken back in another tab
    mine = Preference.objects.filter(pk=preference.pk)
    if slot.expert_id != by.pk or pair.status == Pair.Status.SET_ASIDE or not mine.supersede(now=now):
        raise Conflict(OUTDATED)
    with audit.Trail() as trail:
        take_back_pair(pair, by=by, now=now, trail=trail)
        leased = {"lease_until": lease_end(now=now), "again": True}
        transition(slot, PairSlot.Status.LEASED, by=by, now=now, trail=trail, **leased)
        _give_as_draft(preference, now=now)
        trail.record("preference:withdraw", preference, by=by, now=now, project=pair.stage.project_id)
    return slot


@transaction.atomic
def save_pair_draft(*, slot, by, fields, now, writing=None):
    """Keep what an expert has filled in at a pair so far, and renew their lease. Returns the PairDraft.

    As `drafts.save_draft`: also after the lease has ended, and raising NotAllowed and DraftMoved as it does.
    """
    held = renew_pair_lease(pair=slot.pair_id, expert=by, now=now)
    draft = PairDraft.objects.select_for_update().filter(pair=slot.pair_id, expert=by).first()
    if draft is None and not held:
        raise NotAllowed(NOT_YOURS)
    return write_draft(draft or PairDraft(pair_id=slot.pair_id, expert=by), fields, now=now, writing=writing)


def asked_of(stage):
    """What a preference is asked for in the stage: {axis key: Axis}, or {OVERALL: None} for one choice over all."""
    return (
        {OVERALL: None}
        if stage.overall
        else {axis.key: axis for axis in whole(stage.policy).rubric.axes.all()}
    )


def choices_of(preference):
    """{axis key or OVERALL: side} of a stored preference."""
    rows = preference.choices.values_list("axis__key", "side")
    return {OVERALL if key is None else key: side for key, side in rows}


def preference_fields(preference):
    """{field name: text} of all that a preference was filled in with."""
    fields = {f"{CHOICE}{key}": side for key, side in choices_of(preference).items()}
    return fields | ({"comment": preference.comment} if preference.comment else {})


def _own_pair(slot, project, by):
    try:
        pair = lock_pair(slot=slot)
    except Pair.DoesNotExist:
        raise NotAllowed(NOT_YOURS) from None
    is_here = project is None or pair.stage.project_id == project.pk
    if not is_here or not was_given(pair, by):
        raise NotAllowed(NOT_YOURS)
    return pair


def was_given(pair, expert):
    """Whether the expert was ever given the pair to judge."""
    mine = {"pair": pair, "expert": expert}
    return any(
        model.objects.filter(**mine).exists() for model in (PairSlot, PairDraft, PairDecline, Preference)
    )


def _checked(stage, choices, comment):
    """({Axis or None: side}, the comment as it is kept). Raises InvalidAnswers naming every fault."""
    asked, comment = asked_of(stage), tidy(comment).strip()
    faults = [
        Fault("Choose left, right, or that they are equal.", axis=key)
        for key in asked
        if choices.get(key) not in Choice.Side.values
    ]
    faults += [Fault("This stage does not ask for it.", axis=key) for key in choices.keys() - asked.keys()]
    if what := text_fault(comment, LONGEST_REMARK):
        faults.append(Fault(what, part="comment"))
    if faults:
        raise InvalidAnswers(faults)
    return {key: choices[key] for key in asked}, comment


def _same_submission(pair, submission, *, by):
    before = Preference.objects.filter(submission=submission).first()
    if before is not None and (before.pair_id, before.expert_id) != (pair.pk, by.pk):
        raise Conflict(USED)
    if before is not None and before.superseded_at is not None:
        raise Conflict(OUTDATED)
    return before


def _is_same(preference, choices, comment):
    return preference.comment == comment and choices_of(preference) == choices


def _store(pair, held, choices, comment, by, guidelines, submission, seconds, writing, now):
    stage = pair.stage
    with audit.Trail() as trail:
        slot = held or _take_up_again(pair, by, now, trail)
        preference = Preference.objects.create(
            slot=slot,
            pair=pair,
            expert=by,
            policy=stage.policy,
            guidelines=shown_version(stage.project_id, guidelines, newest=stage.project.guidelines_version),
            left_id=sides_of(pair, stage, by)[0],
            comment=comment,
            submission=submission,
            seconds=as_kept(seconds),
            submitted_at=now,
            supersedes_id=_drop_draft(pair, by, writing),
        )
        axes = asked_of(stage)
        Choice.objects.bulk_create(
            Choice(preference=preference, axis=axes[key], side=side) for key, side in choices.items()
        )
        done = {"lease_until": None, "again": False}
        transition(slot, PairSlot.Status.SUBMITTED, by=by, now=now, trail=trail, **done)
        decide_pair(pair, by=by, now=now, trail=trail)
        params = preference.supersedes_id and {"supersedes": preference.supersedes_id}
        trail.record("preference:submit", preference, by=by, now=now, project=stage.project_id, params=params)
    return preference


def _drop_draft(pair, expert, writing):
    draft = PairDraft.objects.filter(pair=pair, expert=expert).first()
    if draft is None:
        return None
    if writing is not None:
        check_not_behind(draft, writing)
    draft.delete()
    return draft.replaces_id


def _take_up_again(pair, by, now, trail):
    """A slot of a locked pair for an expert whose lease has ended. Raises where there is none."""
    if any(slot.expert_id == by.pk for slot in pair.slots_now):
        stored = Preference.objects.current().get(pair=pair, expert=by)
        raise AlreadyPreferred("You have already judged these two responses.", stored)
    slot = None
    if pair.stage.status == Stage.Status.RATING:
        slot = take_pair(pair, expert=by, now=now, trail=trail, again=True)
    if slot is None:
        raise Conflict(NOT_OPEN)
    return slot


def _give_as_draft(preference, *, now):
    draft, _ = PairDraft.objects.get_or_create(
        pair=preference.pair, expert=preference.expert, defaults={"updated_at": now}
    )
    draft.fields = draft.fields or preference_fields(preference)
    draft.replaces, draft.updated_at = preference, now
    draft.save()
