"""PURE. The methods of one blind comparison against each other.

The family of tests is that of the whole comparison: every registered figure of every pair counts in Holm's correction.
"""

from dataclasses import dataclass, replace

import numpy as np

from evaluation.comparisons import (
    NOT_SIGNIFICANT,
    TOO_FEW,
    Change,
    Comparison,
    Endpoint,
    difference_of,
    endings_between,
)
from evaluation.per_prompt import matched
from evaluation.seeds import FEWEST_SEEDS, difference_over_seeds
from evaluation.statistics import detectable, friedman_p, holm

EXPLORATORY = "exploratory"
NOTHING_SHOWN = "no difference shown"


@dataclass(frozen=True)
class ArmFigures:
    """One method: a model, or the models of one trial that differ in their training seed.

    `seeds`: how many training seeds stand behind it, None where no run of the project made it. `figures`: the Endpoints
    of each of its models, by key.
    """

    title: str
    seeds: int | None
    figures: list[dict[str, Endpoint]]

    def keys(self):
        """Those that all of its models have, in order."""
        first, *others = self.figures
        return [key for key in first if all(key in each for each in others)]

    def values(self, key):
        return [each[key].values for each in self.figures]


@dataclass(frozen=True)
class OverAll:
    """Friedman's test of one figure over three methods or more: whether any of them ranks otherwise than the rest."""

    key: str
    name: str
    p: float | None
    prompts: int


def compare_arms(arms, *, registered, seed):
    """[Comparison] of each of `arms` with the first and with the one before. `registered`: the keys of the figures that
    count; the others are exploratory."""
    pairs = [(before, after) for after in range(1, len(arms)) for before in sorted({0, after - 1})]
    found = [_differences(arms[before], arms[after], seed) for before, after in pairs]
    family = [(pair, key) for pair, each in enumerate(found) for key in each if key in registered]
    adjusted = holm([found[pair][key][-1].p for pair, key in family])
    tests = sum(p is not None for p in adjusted)
    corrected = dict(zip(family, adjusted, strict=True))
    return [
        _comparison(
            (before, arms[before]),
            (after, arms[after]),
            found[pair],
            {key: corrected[pair, key] for key in found[pair] if (pair, key) in corrected},
            tests,
        )
        for pair, (before, after) in enumerate(pairs)
    ]


def over_all(arms, *, registered):
    """[OverAll] of the registered figures, where there are three methods or more."""
    if len(arms) < 3:
        return []
    found = []
    for key in arms[0].keys():
        if key in registered and all(key in arm.keys() for arm in arms):
            table = matched([values for arm in arms for values in arm.values(key)])
            means, first = [], 0
            for arm in arms:
                means.append(table[first : first + len(arm.figures)].mean(axis=0))
                first += len(arm.figures)
            name = arms[0].figures[0][key].name
            found.append(OverAll(key, name, friedman_p(means), table.shape[1]))
    return found


def _differences(before, after, seed):
    """{key: (Endpoint, Endings, before, after, Difference)}: one row of prompt means for each model of either."""
    found = {}
    for key in after.keys():
        if key not in before.keys():
            continue
        endpoint, many = after.figures[0][key], len(before.figures)
        table = matched([*before.values(key), *after.values(key)])
        old, new = table[:many], table[many:]
        if len(table) == 2:
            difference = difference_of(endpoint, old[0], new[0], seed)
        else:
            difference = difference_over_seeds(
                old, new, lowest=endpoint.lowest, highest=endpoint.highest, seed=seed
            )
        endings = endings_between(before.figures[0][key], endpoint) if len(table) == 2 else None
        if difference is not None:
            found[key] = endpoint, endings, old, new, difference
    return found


def _comparison(before, after, found, corrected, tests):
    (before_number, old_arm), (after_number, new_arm) = before, after
    seeds = [arm.seeds for arm in (old_arm, new_arm) if arm.seeds is not None]
    fewest = min(seeds, default=FEWEST_SEEDS)
    changes = [
        _change(*each, p_holm=corrected.get(key), registered=key in corrected, fewest=fewest, tests=tests)
        for key, each in found.items()
    ]
    return Comparison(
        before=old_arm.title,
        before_number=before_number,
        after=new_arm.title,
        after_number=after_number,
        prompts=max((change.difference.n for change in changes), default=0),
        changes=changes,
        kind="blind",
        note=_note(fewest),
    )


def _note(seeds):
    if seeds >= FEWEST_SEEDS:
        return ""
    if seeds == 1:
        return "One seed: cannot tell the method from this run."
    return "Two seeds: cannot tell the method from these runs."


def _change(endpoint, endings, old, new, difference, *, p_holm, registered, fewest, tests):
    difference = replace(difference, p_holm=p_holm)
    is_method = fewest >= FEWEST_SEEDS
    moved = difference.significant if registered else None
    if not registered:
        verdict = EXPLORATORY
    elif moved is None:
        verdict = TOO_FEW
    elif not moved:
        verdict = NOT_SIGNIFICANT if is_method else NOTHING_SHOWN
    else:
        verdict = "higher" if difference.value > 0 else "lower"
        verdict += "" if is_method else ", this run" if fewest == 1 else ", these runs"
    old_mean, new_mean = old.mean(axis=0), new.mean(axis=0)
    return Change(
        key=endpoint.key,
        name=endpoint.name,
        kind=endpoint.kind,
        before=float(old_mean.mean()),
        after=float(new_mean.mean()),
        difference=difference,
        significant=moved if is_method else None,
        verdict=verdict,
        better=(difference.value < 0) == endpoint.lower_is_better if moved else None,
        detectable=detectable(old_mean, new_mean, tests=tests) if tests and registered else None,
        endings=endings,
        registered=registered,
        by_seed=_by_seed(old, new),
    )


def _by_seed(old, new):
    """The change that each seed of the later method shows; of the earlier one where that alone has several."""
    if len(new) > 1:
        return [float(each) for each in np.sort(new.mean(axis=1) - old.mean())]
    return [float(each) for each in np.sort(new.mean() - old.mean(axis=1))] if len(old) > 1 else []
