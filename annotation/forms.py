"""The rating form: the rubric with what an expert has filled in, and back.

Its fields are those of a plain HTML form, and a draft is the same fields: `score-<axis key>`,
`label-<label set key>`, `comment`, `revised_response`, `asks_senior`, `seconds`; and `submission`, the form's own key,
which makes a repeated submit the same rating, with `seen` and `turn`, which tell its drafts from those of other forms.
"""

from uuid import UUID, uuid4

from django.template.loader import render_to_string

from annotation.answer_fields import LABEL, SCORE, differences, faults_by_field, label_fields, read_score
from annotation.answers import Fault, InvalidAnswers
from annotation.drafts import Writing
from core.limits import LONGEST_TEXT, whole_number
from core.policies import worked_out
from core.texts import tidy

MOST_TURNS = 2**31 - 1


class Sent:
    """A rating form as it came back: raw texts by field name, and the form's own key. Nothing is judged yet."""

    WORDS, ANSWERS = ("comment", "revised_response", "asks_senior", "seconds"), (SCORE, LABEL)
    """The fields that it has beside the answers, and what those of the answers begin with."""

    def __init__(self, post):
        self.submission = post.get("submission", "")
        self.seen, self._turn = post.get("seen", ""), _turn(post.get("turn", ""))
        self._follows = post.get("follows", "")
        sent = {
            name: tidy(text)
            for name, text in post.items()
            if name in self.WORDS or name.startswith(self.ANSWERS)
        }
        self.fields = {name: text for name, text in sent.items() if text}

    @property
    def answers(self):
        """The fields of the answers alone."""
        return {name: text for name, text in self.fields.items() if name.startswith(self.ANSWERS)}

    def key(self):
        """The form's own key. Raises InvalidAnswers where it is broken; then it has a new one."""
        try:
            return UUID(self.submission)
        except ValueError:
            self.submission = str(uuid4())
            raise InvalidAnswers(
                [Fault("The form had lost its key and has a new one: submit again.", part="submission")]
            ) from None

    def as_rating(self):
        """Keyword arguments for `submit_rating`. Raises InvalidAnswers where the form's own key is broken."""
        submission = self.key()
        return {
            "scores": {key: read_score(text) for key, text in self._given(SCORE)},
            "labels": dict(self._given(LABEL)),
            "comment": self.fields.get("comment", ""),
            "revised_response": self.fields.get("revised_response", ""),
            "asks_senior": "asks_senior" in self.fields,
            "seconds": whole_number(self.fields.get("seconds", "")),
            "submission": submission,
            "writing": self.writing,
        }

    @property
    def writing(self):
        """The drafts.Writing of the form; None where it has lost its key."""
        try:
            form = UUID(self.submission)
        except ValueError:
            return None
        before, _, turn = self._follows.partition(".")
        try:
            follows = UUID(before), _turn(turn) or 0
        except ValueError:
            follows = None
        return Writing(form, self._turn, self.seen, follows)

    def as_draft(self, policy):
        """The fields as a draft keeps them: those of the policy's rubric, at most as long as a rating may be."""
        known = {*self.WORDS, *(f"{SCORE}{axis.key}" for axis in policy.rubric.axes.all())}
        known |= {f"{LABEL}{label_set.key}" for label_set in policy.rubric.label_sets.all()}
        return self._kept(known)

    def _kept(self, known):
        return {
            name: text[: LONGEST_TEXT + 1].replace("\x00", "")
            for name, text in self.fields.items()
            if name in known
        }

    def _given(self, prefix):
        return [
            (name.removeprefix(prefix), text) for name, text in self.fields.items() if name.startswith(prefix)
        ]


class RatingForm:
    """One policy's rubric as a form to fill in. `fields`: raw texts by field name; `faults`: those of the
    answers; `submission`: the form's own key, a new one unless it comes back to be mended; `seen`: the version of the
    draft that its writer knows of; `elsewhere`: a later Draft, from which they are to choose."""

    def __init__(self, policy, fields=None, faults=(), submission=None, seen="", elsewhere=None):
        self.policy = policy
        self.fields, self.faults = fields or {}, faults_by_field(faults)
        self.seen, self.elsewhere = seen, elsewhere
        self.submission = submission or str(uuid4())
        self._axes = list(policy.rubric.axes.all())
        self._label_sets = list(policy.rubric.label_sets.all())

    def questions(self):
        """The axes and label sets as HTML. Of an empty form it never changes: each process keeps it."""
        if self.fields or self.faults:
            return render_questions(self)
        return worked_out(self.policy, _render_empty)

    @property
    def choice(self):
        """[(what is asked, what stands here, what was written elsewhere)], where they differ."""
        return differences(self.policy, self.fields, self.elsewhere.fields)

    @property
    def axes(self):
        return [
            {
                "name": f"{SCORE}{axis.key}",
                "axis": axis,
                "value": self.fields.get(f"{SCORE}{axis.key}", ""),
                "error": self.faults.get(f"{SCORE}{axis.key}"),
            }
            for axis in self._axes
        ]

    @property
    def label_sets(self):
        return label_fields(self._label_sets, given=self.fields, faults=self.faults)

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


def _turn(text):
    """The how-manieth save a form says it is; None where it does not count."""
    number = whole_number(text)
    return number if number and 0 < number <= MOST_TURNS else None


def _render_empty(policy):
    return render_questions(RatingForm(policy))


def render_questions(form):
    """The axes and label sets of a RatingForm as HTML."""
    return render_to_string("annotation/_questions.html", {"form": form})
