"""PURE. Figures of a stage as sums over the responses of each prompt, the unit of every comparison."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PerPrompt:
    """Sums over the responses of each prompt. Three arrays of the same length, ordered by prompt."""

    prompts: np.ndarray
    sums: np.ndarray
    counts: np.ndarray

    @property
    def means(self):
        return self.sums / self.counts

    @classmethod
    def of(cls, rows):
        """From (prompt, sum, count) rows; prompts with a count of 0 are left out."""
        table = np.array(sorted(row for row in rows if row[2]), dtype=float).reshape(-1, 3)
        return cls(table[:, 0].astype(np.int64), table[:, 1], table[:, 2])

    @classmethod
    def grouped(cls, prompts, values):
        """From one value a response and the prompts they belong to."""
        unique, place = np.unique(np.asarray(prompts, dtype=np.int64), return_inverse=True)
        sums = np.bincount(place, weights=np.asarray(values, dtype=float), minlength=len(unique))
        return cls(unique, sums, np.bincount(place, minlength=len(unique)).astype(float))


def pair(before, after):
    """The means of the prompts that both have, as two arrays in the same order."""
    _, left, right = np.intersect1d(before.prompts, after.prompts, return_indices=True)
    return before.means[left], after.means[right]


def matched(figures):
    """The means of the prompts that all of `figures` have: one row each, the prompts in the same order."""
    prompts = figures[0].prompts
    for each in figures[1:]:
        prompts = np.intersect1d(prompts, each.prompts)
    return np.stack([each.means[np.searchsorted(each.prompts, prompts)] for each in figures])
