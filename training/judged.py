"""Final labels with what decides between them: their scores as shares of the axes' ranges, and how sure they are."""

from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import F

from annotation.answers import score_rows
from annotation.conversations import SYSTEM
from annotation.models import Rating, load_earlier
from arbitration.models import FinalLabel
from arbitration.outcomes import CHUNK
from core.bulk import Among
from core.models import Axis
from training.preferring import confidence


@dataclass
class Judged:
    """A final label: the scores of its axes by key, as shares and as they stand, and its confidence."""

    label: FinalLabel
    shares: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    axes: dict[str, Axis] = field(default_factory=dict)
    confidence: float = 0.0

    @property
    def response(self):
        return self.label.response


def judge(labels):
    """The Judged of final labels, a query, in its order; with responses, prompts and what was said before."""
    labels = list(
        labels.select_related("response__prompt", "response__stage", "response__sampling", "revision")
    )
    load_earlier([label.response.prompt for label in labels])
    axes = {}
    for start in range(0, len(labels), CHUNK):
        yield from _judge(labels[start : start + CHUNK], axes)


def _judge(labels, axes):
    found = {label.pk: Judged(label) for label in labels}
    scores = list(
        score_rows(FinalLabel)
        .filter(Among(F("owner_id"), list(found)))
        .values_list("owner_id", "axis_id", "value")
    )
    missing = {axis for _, axis, _ in scores} - axes.keys()
    axes |= Axis.objects.in_bulk(missing)
    for label, key, value in scores:
        axis, judged = axes[key], found[label]
        judged.axes[axis.key] = axis
        judged.scores[axis.key] = value
        judged.shares[axis.key] = axis.scale.place(value)
    given = _ratings_of(list(found), axes)
    for pk, judged in found.items():
        judged.confidence = confidence(judged.shares, given[pk])
    return found.values()


def _ratings_of(labels, axes):
    """{label: {axis key: the shares that its ratings gave}}"""
    through = FinalLabel.ratings.through.objects.filter(Among(F("finallabel_id"), labels))
    owner = dict(through.values_list("rating_id", "finallabel_id"))
    found = defaultdict(lambda: defaultdict(list))
    scores = score_rows(Rating).filter(Among(F("owner_id"), list(owner)))
    for rating, key, value in scores.values_list("owner_id", "axis_id", "value"):
        if key in axes:
            found[owner[rating]][axes[key].key].append(axes[key].scale.place(value))
    return found


def system_prompt(response):
    """What the model was told before the prompt when it answered: a prompt's own system message took its place."""
    earlier = response.prompt.earlier
    if response.sampling is None or (earlier and earlier[0].role == SYSTEM):
        return ""
    return response.sampling.system_prompt
