"""The form of a pair: a choice on each axis, or over all, with what an expert has filled in, and back.

Its fields are `choice-<axis key>` (or `choice-` over all) with left, equal or right, `comment` and `seconds`, beside
those that every form of a draft has.
"""

from uuid import uuid4

from django.utils.translation import gettext

from annotation.forms import Sent
from annotation.models import Choice
from annotation.preferring import CHOICE, OVERALL, asked_of
from core.limits import whole_number

KEYS = (
    (Choice.Side.LEFT, "1", "ArrowLeft"),
    (Choice.Side.EQUAL, "2", "ArrowDown"),
    (Choice.Side.RIGHT, "3", "ArrowRight"),
)
"""The sides in the order in which they stand, each with the keys that choose it."""


class SentPreference(Sent):
    """The form of a pair as it came back; nothing is judged yet."""

    WORDS, ANSWERS = ("comment", "seconds"), (CHOICE,)

    def as_preference(self):
        """Keyword arguments for `submit_preference`. Raises InvalidAnswers where the form's own key is broken."""
        return {
            "submission": self.key(),
            "choices": dict(self._given(CHOICE)),
            "comment": self.fields.get("comment", ""),
            "seconds": whole_number(self.fields.get("seconds", "")),
            "writing": self.writing,
        }

    def as_pair_draft(self, stage):
        """The fields as a draft keeps them: those that the stage asks for, at most as long as they may be."""
        known = {*self.WORDS, *(f"{CHOICE}{key}" for key in asked_of(stage))}
        return self._kept(known)


class PreferenceForm:
    """What a stage asks of a pair as a form to fill in, as `forms.RatingForm`."""

    def __init__(self, stage, fields=None, faults=(), submission=None, seen="", elsewhere=None):
        self.stage, self.fields = stage, fields or {}
        self.faults = {
            fault.part if fault.axis is None else f"{CHOICE}{fault.axis}": fault.what for fault in faults
        }
        self.submission = submission or str(uuid4())
        self.seen, self.elsewhere = seen, elsewhere

    @property
    def rows(self):
        """What is asked, one dict an axis, or one over all."""
        return [
            {
                "name": f"{CHOICE}{key}",
                "legend": told_axis(key, axis),
                "question": axis.question if axis else "",
                "value": self.fields.get(f"{CHOICE}{key}", ""),
                "error": self.faults.get(f"{CHOICE}{key}"),
            }
            for key, axis in asked_of(self.stage).items()
        ]

    @property
    def sides(self):
        """[(side, its name, its digit, its arrow)] in the order in which they stand."""
        return [(side.value, told_side(side), digit, arrow) for side, digit, arrow in KEYS]

    @property
    def choice(self):
        """[(what is asked, what stands here, what was written elsewhere)], where they differ."""
        return differences(self.stage, self.fields, self.elsewhere.fields)

    @property
    def comment(self):
        return self.fields.get("comment", "")

    @property
    def seconds(self):
        return self.fields.get("seconds", "")


def told(stage, fields):
    """[(what is asked, what was filled in)] in words."""
    asked = [
        (told_axis(key, axis), told_side(fields.get(f"{CHOICE}{key}", "")))
        for key, axis in asked_of(stage).items()
    ]
    return [*asked, (gettext("Comment"), fields.get("comment", ""))]


def differences(stage, one, other):
    """[(what is asked, in `one`, in `other`)] in words, where the fields of two forms differ."""
    both = zip(told(stage, one), told(stage, other), strict=True)
    return [(asked, mine, yours) for (asked, mine), (_, yours) in both if mine.strip() != yours.strip()]


def told_axis(key, axis):
    """What a choice is about, in the reader's language."""
    return gettext("Which is better?") if key == OVERALL else axis.name


def told_side(side):
    """What a choice says, in the reader's language; "" for none."""
    names = {
        Choice.Side.LEFT: gettext("Left"),
        Choice.Side.EQUAL: gettext("Equal"),
        Choice.Side.RIGHT: gettext("Right"),
    }
    return names.get(side, "")
