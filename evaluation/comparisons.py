"""PURE. One stage against an earlier one, prompt by prompt."""

from dataclasses import dataclass, field, replace

from evaluation.endings import Endings, endings_of
from evaluation.per_prompt import PerPrompt, pair
from evaluation.statistics import Difference, detectable, holm, paired_difference, paired_shares

NOT_SIGNIFICANT = "not significant"
TOO_FEW = "too few prompts to test"


@dataclass(frozen=True)
class Endpoint:
    """One figure of a stage that can be compared, and the range it lies in. `kind`: score, share or cosine.

    `cut_off`: the share of the same answers that reached their token limit, where the figure may suffer from that.
    `registered_as`: the key under which a project registers it (endpoints.py), where that is another than `key`.
    """

    key: str
    name: str
    kind: str
    values: PerPrompt
    lowest: float = 0
    highest: float = 1
    lower_is_better: bool = False
    cut_off: PerPrompt | None = None
    registered_as: str = ""


@dataclass(frozen=True)
class Change:
    """One endpoint before and after, over the prompts that both stages have.

    `verdict` says it in words: "higher", "lower" (both significant at 5 % after Holm's correction over the
    comparison's endpoints), "not significant", or "too few prompts to test". `better` is None unless significant.
    `detectable`: the smallest true change that so many prompts and tests would find eight times in ten. `endings`: how
    much of the change comes with answers that were cut off in one of the two alone, where there are any.
    `registered`: whether the project had said before that it counts; where it had not, the figure is exploratory and
    has no verdict. `by_seed`: the change that each training seed shows, where there are several.
    """

    key: str
    name: str
    kind: str
    before: float
    after: float
    difference: Difference
    significant: bool | None
    verdict: str
    better: bool | None
    detectable: float | None
    endings: Endings | None = None
    registered: bool = False
    by_seed: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """`after` against `before`, named by title and number. `prompts`: the largest number of pairs in it.

    `kind`: "blind" where both were rated mixed, blind and at one time, "rounds" where each was rated in a round of its
    own: exploratory. `note`: what it cannot tell.
    """

    before: str
    before_number: int
    after: str
    after_number: int
    prompts: int
    changes: list[Change]
    kind: str = "rounds"
    note: str = ""


def compare(before, after, *, seed):
    """The comparison of two stages, each given as (number, title, [Endpoint]).

    Endpoints that only one of them has are left out, and so are prompts that only one of them has.
    """
    earlier = {endpoint.key: endpoint for endpoint in before[2]}
    found = []
    for endpoint in after[2]:
        if endpoint.key not in earlier:
            continue
        old, new = pair(earlier[endpoint.key].values, endpoint.values)
        if (difference := difference_of(endpoint, old, new, seed)) is not None:
            found.append((endpoint, old, new, difference))
    adjusted = holm([difference.p for *_, difference in found])
    tests = sum(p is not None for p in adjusted)
    changes = [
        replace(
            _change(endpoint, old, new, replace(difference, p_holm=p), tests),
            endings=endings_between(earlier[endpoint.key], endpoint),
        )
        for (endpoint, old, new, difference), p in zip(found, adjusted, strict=True)
    ]
    return Comparison(
        before=before[1],
        before_number=before[0],
        after=after[1],
        after_number=after[0],
        prompts=max((change.difference.n for change in changes), default=0),
        changes=changes,
    )


def endings_between(before, after):
    """The Endings of two Endpoints; None where the figure does not suffer from them, or none changed."""
    if before.cut_off is None or after.cut_off is None:
        return None
    return endings_of(before.values, after.values, before.cut_off, after.cut_off)


def difference_of(endpoint, old, new, seed):
    """The Difference of one endpoint between two arrays of prompt means, in the same order."""
    if endpoint.kind == "share":
        return paired_shares(old, new, seed=seed)
    return paired_difference(old, new, lowest=endpoint.lowest, highest=endpoint.highest, seed=seed)


def _change(endpoint, old, new, difference, tests):
    significant = difference.significant
    if significant is None:
        verdict = TOO_FEW
    elif not significant:
        verdict = NOT_SIGNIFICANT
    else:
        verdict = "higher" if difference.value > 0 else "lower"
    return Change(
        key=endpoint.key,
        name=endpoint.name,
        kind=endpoint.kind,
        before=float(old.mean()),
        after=float(new.mean()),
        difference=difference,
        significant=significant,
        verdict=verdict,
        better=(difference.value < 0) == endpoint.lower_is_better if significant else None,
        detectable=detectable(old, new, tests=tests) if tests else None,
    )
