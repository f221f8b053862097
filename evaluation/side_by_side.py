"""What the preferences of a comparison say: win rates, position bias, strengths; per axis and by tag.

Read from the preferences that count, of the pairs that are not set aside, once the stage is final: whoever looked
before could end it when they like what they see.
"""

from dataclasses import dataclass, field

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Q

from annotation.models import Choice, Pair, Preference, PromptTag
from core.models import ModelVersion, Stage
from evaluation.preference_statistics import PositionBias, Strength, position_bias, strengths, win_rate
from evaluation.statistics import Estimate

KEPT_FOR = 24 * 3600
"""Seconds for which a process keeps the figures of a final stage, which do not change."""
WORTH = {"left": 1.0, "equal": 0.5, "right": 0.0}
"""What a choice is worth to the response that stood left."""


@dataclass(frozen=True)
class Duel:
    """How often one version was preferred to another: `rate` counts a tie as half. Both by name."""

    one: str
    other: str
    rate: Estimate
    won: int
    tied: int
    lost: int
    tags: list = field(default_factory=list)
    """[(tag, Estimate)] of the same, by tag."""


@dataclass(frozen=True)
class OnAxis:
    """What the preferences on one axis say, or those over all where `axis` is None."""

    axis: str | None
    duels: list[Duel]
    strengths: dict[str, Strength] | None
    """By version, where there are more than two; None also where the model gives none."""

    @property
    def tagged(self):
        """Whether any of its prompts has a tag."""
        return any(duel.tags for duel in self.duels)


@dataclass(frozen=True)
class SideBySide:
    """The figures of a comparison's preferences. `simulated`: whether a simulated expert gave any of them."""

    prompts: int
    preferences: int
    versions: list[str]
    axes: list[OnAxis]
    bias: PositionBias | None
    simulated: bool


def side_by_side(stage):
    """The SideBySide of a final stage; None before it is final, and without any preference."""
    if stage.status not in Stage.FINAL or not stage.has_pairs:
        return None
    key = f"evaluation.side_by_side.{stage.pk}.{stage.created_at.isoformat()}"
    found = cache.get(key)
    if found is None:
        found = _figures(stage)
        cache.set(key, found, KEPT_FOR)
    return found


def pairs_judged(stage):
    """{"pairs", "judged", "aside"} of a stage, counted."""
    return Pair.objects.filter(stage=stage).aggregate(
        pairs=Count("pk"),
        judged=Count("pk", filter=Q(status=Pair.Status.JUDGED)),
        aside=Count("pk", filter=Q(status=Pair.Status.SET_ASIDE)),
    )


def _figures(stage):
    names = dict(ModelVersion.objects.filter(project=stage.project_id).values_list("pk", "name"))
    rows = _rows(stage)
    tags = _tags(stage)
    by_axis = {}
    for row in rows:
        by_axis.setdefault((row["place"], row["axis"]), []).append(row)
    decided = [row for row in rows if row["side"] != Choice.Side.EQUAL]
    versions = sorted({version for row in rows for version in (row["one"], row["other"])})
    mine = Preference.objects.current().filter(pair__stage=stage).exclude(pair__status=Pair.Status.SET_ASIDE)
    return SideBySide(
        prompts=len({row["prompt"] for row in rows}),
        preferences=mine.count(),
        versions=[names[version] for version in versions],
        axes=[_on_axis(axis, found, names, tags) for (_, axis), found in sorted(by_axis.items(), key=_place)],
        bias=position_bias(*_columns(decided, "prompt", "is_left")),
        simulated=mine.filter(expert__is_simulated=True).exists(),
    )


def _place(of):
    return of[0][0]


def _rows(stage):
    """One dict a choice that counts: its axis, prompt, side, the two versions (the older first) and its worth to it."""
    choices = Choice.objects.filter(preference__superseded_at=None, preference__pair__stage=stage)
    choices = choices.exclude(preference__pair__status=Pair.Status.SET_ASIDE).order_by("pk")
    names = (
        "axis__position",
        "axis__name",
        "side",
        "preference__left",
        "preference__pair__prompt",
        "preference__pair__one",
        "preference__pair__one__model_version",
        "preference__pair__other__model_version",
    )
    rows = []
    for position, axis, side, left, prompt, one, version, other in choices.values_list(*names).iterator():
        worth = WORTH[side] if left == one else 1 - WORTH[side]
        if version > other:
            version, other, worth = other, version, 1 - worth
        rows.append(
            {
                "place": -1 if position is None else position,
                "axis": axis,
                "side": side,
                "is_left": side == Choice.Side.LEFT,
                "prompt": prompt,
                "one": version,
                "other": other,
                "worth": worth,
            }
        )
    return rows


def _tags(stage):
    """{prompt: its tags}."""
    found = {}
    prompts = Pair.objects.filter(stage=stage).values("prompt")
    for prompt, tag in PromptTag.objects.filter(prompt__in=prompts).values_list("prompt", "name"):
        found.setdefault(prompt, []).append(tag)
    return found


def _on_axis(axis, rows, names, tags):
    by_duel = {}
    for row in rows:
        by_duel.setdefault((row["one"], row["other"]), []).append(row)
    several = len({version for duel in by_duel for version in duel}) > 2
    found = strengths(*_columns(rows, "prompt", "one", "other", "worth")) if several else None
    return OnAxis(
        axis=axis,
        # The newer version over the older: what one asks is whether it has become better.
        duels=[_duel(duel, found, names, tags) for duel, found in sorted(by_duel.items())],
        strengths=found and {names[version]: strength for version, strength in found.items()},
    )


def _duel(duel, rows, names, tags):
    older, newer = duel
    prompts, worths = _columns(rows, "prompt", "worth")
    by_tag = {}
    for row in rows:
        for tag in tags.get(row["prompt"], ()):
            by_tag.setdefault(tag, []).append(row)
    return Duel(
        one=names[newer],
        other=names[older],
        rate=win_rate(prompts, 1 - worths),
        won=int((worths == 0).sum()),
        tied=int((worths == 0.5).sum()),
        lost=int((worths == 1).sum()),
        tags=[(tag, _rate_of_newer(found)) for tag, found in sorted(by_tag.items())],
    )


def _rate_of_newer(rows):
    prompts, worths = _columns(rows, "prompt", "worth")
    return win_rate(prompts, 1 - worths)


def _columns(rows, *names):
    return tuple(np.array([row[name] for row in rows]) for name in names)
