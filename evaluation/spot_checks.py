"""Spot checks: what model versions answered to a few held-out prompts, side by side, and what reviewers note of it.

Of the newest finished comparison; without one, of the turns whose labels are final.
"""

import random
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Avg, Count, F

from annotation.answers import score_rows
from annotation.models import Prompt, PromptTag, Response
from arbitration.diff import Changes, word_diff
from arbitration.models import FinalLabel
from core import audit
from core.errors import Conflict, InvalidInput
from core.limits import asked_text
from core.locks import lock_project
from core.models import ModelVersion, Stage
from core.texts import tidy
from evaluation.comparing import finished_comparisons
from evaluation.models import SpotNote
from evaluation.tables import NOTHING, signed

SHOWN = 10
MOST = 2_000
"""Held-out prompts that are drawn from, or looked at for the largest change; of more, the first ones."""
MOST_TAGS = 60
LONGEST_COMPARED = 8_000
DRAWN, LARGEST_CHANGE = "drawn", "change"


@dataclass(frozen=True)
class SpotAnswer:
    """One version's answer with its final scores (None each where a lead excluded it). `changes`: word by word from the
    first version's answer; None for that one and where the texts are long."""

    response: Response
    scores: list
    alignment: str
    changes: Changes | None = None


@dataclass(frozen=True)
class Spot:
    """One prompt. `means`: of each version where its final scores lie on their axes' ranges, 0 to 1, in the mean, or
    None; `change`: the last less the first."""

    prompt: Prompt
    means: list
    notes: int

    @property
    def change(self):
        known = [mean for mean in self.means if mean is not None]
        return known[-1] - known[0] if len(known) == len(self.means) > 1 else None

    @property
    def change_text(self):
        return NOTHING if self.change is None else signed(self.change, points=True)


@dataclass(frozen=True)
class Sample:
    """`versions`: of each column the model version; `of`: where the answers come from; `is_partial`: whether there are
    more held-out prompts than were looked at."""

    versions: list
    of: str
    spots: list = field(default_factory=list)
    is_partial: bool = False


def require_no_open_comparison(project, roles_that_judge):
    """Whoever rates or arbitrates must not learn here which model wrote what, while that is being compared."""
    if (
        roles_that_judge
        and project.stages.filter(kind=Stage.Kind.COMPARISON, status__in=Stage.ACTIVE).exists()
    ):
        raise Conflict(
            "A comparison is being rated, and this page would tell which model wrote which answer. It opens to those "
            "who rate or arbitrate once the comparison’s labels are final."
        )


def draw_sample(project, *, seed, tag="", order=DRAWN):
    """The Sample of at most SHOWN held-out prompts, drawn by `seed`, or those whose mean score changed most."""
    of, answers = _answers(project)
    versions = _versions(answers)
    prompts = project.prompts.filter(split=Prompt.Split.HELD_OUT).order_by("position")
    if tag:
        prompts = prompts.filter(tags__name=tag)
    keys = list(prompts.values_list("pk", flat=True)[: MOST + 1])
    looked_at, is_partial = keys[:MOST], len(keys) > MOST
    random.Random(seed).shuffle(looked_at)
    if order == LARGEST_CHANGE:
        means = _means(answers, looked_at)
        spots = [Spot(key, [means.get((key, version.pk)) for version in versions], 0) for key in looked_at]
        spots.sort(key=lambda spot: -abs(spot.change or 0))
        looked_at = [spot.prompt for spot in spots]
    shown = looked_at[:SHOWN]
    means = _means(answers, shown)
    rows = Prompt.objects.in_bulk(shown)
    noted = _noted(shown)
    return Sample(
        versions,
        of,
        [
            Spot(rows[key], [means.get((key, version.pk)) for version in versions], noted.get(key, 0))
            for key in shown
        ],
        is_partial,
    )


def answers_to(project, prompt):
    """[SpotAnswer] of each version to one prompt, the oldest version first, the first candidate of each."""
    _, answers = _answers(project)
    rows = answers.filter(prompt=prompt).select_related("model_version", "stage", "final_label")
    rows = rows.prefetch_related("final_label__scores__axis")
    found, base = {}, None
    for response in rows.order_by("model_version", "candidate", "pk"):
        if response.model_version_id in found:
            continue
        text = tidy(response.text)
        changes = None
        if base is None:
            base = text
        elif max(len(base), len(text)) <= LONGEST_COMPARED:
            changes = word_diff(base, text)
        label = getattr(response, "final_label", None)
        found[response.model_version_id] = SpotAnswer(
            response,
            [(score.axis, score.value) for score in label.scores.all()] if label else [],
            label.get_alignment_display() if label else "",
            changes,
        )
    return list(found.values())


def tags_of(project):
    """The tags of held-out prompts, in order, at most MOST_TAGS."""
    tags = PromptTag.objects.filter(prompt__project=project, prompt__split=Prompt.Split.HELD_OUT)
    return list(tags.order_by("name").values_list("name", flat=True).distinct()[:MOST_TAGS])


@transaction.atomic
def write_note(*, project, prompt, text, by, now):
    """Keep a reviewer's note on the answers to a held-out prompt. Returns the SpotNote; InvalidInput without words."""
    lock_project(project)
    text, fault = asked_text(text, "Write what you noticed.")
    if fault:
        raise InvalidInput(fault)
    note = SpotNote.objects.create(project=project, prompt=prompt, text=text, author=by, created_at=now)
    audit.record("spotnote:write", note, by=by, now=now)
    return note


def _answers(project):
    """(where they come from, the responses with final labels that are set side by side)."""
    comparisons = finished_comparisons(project)
    if comparisons:
        return str(comparisons[-1]), Response.objects.filter(stage=comparisons[-1])
    turns = project.stages.turns().filter(status__in=Stage.FINAL)
    return "", Response.objects.filter(stage__in=list(turns), model_version__isnull=False)


def _versions(answers):
    keys = answers.order_by().values("model_version").distinct()
    return list(ModelVersion.objects.filter(pk__in=keys).order_by("pk"))


def _means(answers, prompts):
    """{(prompt, model version): where its final scores lie on their ranges, 0 to 1, mean over axes and candidates}."""
    place = (F("value") - F("axis__lowest")) / (F("axis__highest") - F("axis__lowest") * 1.0)
    rows = (
        score_rows(FinalLabel)
        .filter(owner__response__in=answers.filter(prompt__in=prompts).order_by().values("pk"))
        .values_list("owner__response__prompt", "owner__response__model_version")
        .annotate(mean=Avg(place))
    )
    return {(prompt, version): mean for prompt, version, mean in rows}


def _noted(prompts):
    rows = SpotNote.objects.filter(prompt__in=prompts).order_by().values_list("prompt")
    return dict(rows.annotate(n=Count("pk")))
