"""PURE. How much of a change comes with answers that reached their token limit in one of two stages alone.

An answer that comes to its end reads better whatever it says, so a gain may be that and nothing else. The mean change
over prompts is a sum over prompts, and so it falls, exactly, into the part of those whose ending changed and the rest.
"""

from dataclasses import dataclass

import numpy as np

from evaluation.per_prompt import PerPrompt


@dataclass(frozen=True)
class Endings:
    """A mean change `whole` over `prompts` prompts, of which `part` is the sum over the `changed` ones whose share of
    cut-off answers differs between the two, divided by all prompts. `whole − part` is what the others brought."""

    prompts: int
    changed: int
    whole: float
    part: float


def endings_of(before, after, cut_before, cut_after):
    """The Endings of a figure: four PerPrompt, the figure before and after, and the share of answers cut off.

    None where no prompt's ending changed, or no prompt is in all four.
    """
    prompts = before.prompts
    for each in (after, cut_before, cut_after):
        prompts = np.intersect1d(prompts, each.prompts)
    change = _at(after, prompts) - _at(before, prompts)
    ending_changed = _at(cut_before, prompts) != _at(cut_after, prompts)
    if not ending_changed.any():
        return None
    return Endings(
        prompts=len(prompts),
        changed=int(ending_changed.sum()),
        whole=float(change.mean()),
        part=float(change[ending_changed].sum() / len(prompts)),
    )


def _at(values: PerPrompt, prompts):
    return values.means[np.searchsorted(values.prompts, prompts)]
