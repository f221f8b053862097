"""The rating form: the rubric with what an expert has filled in, and back.

Its fields are those of a plain HTML form, and a draft is the same fields: `score-<axis key>`,
`label-<label set key>`, `comment`, `revised_response`, `asks_senior`, `seconds`; and `submission`, the key that
makes a repeated submit the same rating.
"""

import uuid

from annotation.answers import LONGEST_TEXT, InvalidAnswers
from annotation.label_fields import label_fields
from core.texts import tidy

WORDS = ("comment", "revised_response", "asks_senior", "seconds")
# Single keys the page itself uses: guidelines, comment, revise, senior, cannot judge, history.
RESERVED_KEYS = "gcrsjh"


class RatingForm:
    """One policy's rubric as a form. `fields`: raw texts by field name; `faults`: what to do, by field name."""

    def __init__(self, policy, fields=None, faults=None):
        self.fields, self.faults = fields or {}, faults or {}
        self.submission = str(uuid.uuid4())
        self._axes = list(policy.rubric.axes.all())
        self._label_sets = list(policy.rubric.label_sets.all())

    @classmethod
    def from_post(cls, policy, post):
        """The form as it was sent. Unknown fields are left out; nothing is judged yet."""
        form = cls(policy)
        form.submission = post.get("submission", "")
        names = (
            [axis["name"] for axis in form.axes] + [each["name"] for each in form.label_sets] + list(WORDS)
        )
        form.fields = {name: text for name in names if (text := tidy(post.get(name, "")))}
        return form

    @property
    def axes(self):
        return [
            {
                "name": f"score-{axis.key}",
                "legend": axis.name,
                "question": axis.question,
                "anchors": axis.anchors,
                "value": self.fields.get(f"score-{axis.key}", ""),
                "error": self.faults.get(f"score-{axis.key}"),
            }
            for axis in self._axes
        ]

    @property
    def label_sets(self):
        return label_fields(self._label_sets, given=self.fields, faults=self.faults, reserved=RESERVED_KEYS)

    @property
    def comment(self):
        return self.fields.get("comment", "")

    @property
    def revised_response(self):
        return self.fields.get("revised_response", "")

    @property
    def asks_senior(self):
        return bool(self.fields.get("asks_senior"))

    @property
    def seconds(self):
        return self.fields.get("seconds", "")

    def as_rating(self):
        """Keyword arguments for `submit_rating`. Raises InvalidAnswers where the form's own key is broken."""
        try:
            submission = uuid.UUID(self.submission)
        except ValueError:
            self.submission = str(uuid.uuid4())
            raise InvalidAnswers(
                {"submission": "The form had lost its key and has a new one: submit again."}
            ) from None
        return {
            "scores": {
                key: int(value) if value.isascii() and value.isdigit() and len(value) < 4 else value
                for key, value in self._given("score-", self._axes)
            },
            "labels": dict(self._given("label-", self._label_sets)),
            "comment": self.comment,
            "revised_response": self.revised_response,
            "asks_senior": self.asks_senior,
            "seconds": int(self.seconds) if self.seconds.isascii() and self.seconds.isdigit() else None,
            "submission": submission,
        }

    def as_draft(self):
        """The fields as a draft keeps them, at most as long as a rating may be."""
        return {name: text[: LONGEST_TEXT + 1].replace("\x00", "") for name, text in self.fields.items()}

    def _given(self, prefix, rows):
        for row in rows:
            value = self.fields.get(f"{prefix}{row.key}")
            if value:
                yield row.key, value
