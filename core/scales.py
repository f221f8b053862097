"""The range of an axis and what follows from it. Pure: numbers in, numbers out."""

import math
from dataclasses import dataclass

# What every range lies within, and with it every score.
LOWEST_BOUND, HIGHEST_BOUND = 0, 100
# As many points are chosen from side by side, each with its key and its anchor. Beyond, a number is typed.
MOST_STEPS = 10
# The looks of a score, from poor to excellent, are five, whatever the range.
LOOKS = 5


@dataclass(frozen=True)
class Scale:
    """Whole numbers from `lowest` (poor) to `highest` (excellent)."""

    lowest: int = 1
    highest: int = 5

    @property
    def width(self):
        return self.highest - self.lowest

    @property
    def points(self):
        return range(self.lowest, self.highest + 1)

    @property
    def has_steps(self):
        """Whether its points stand side by side to be chosen from."""
        return len(self.points) <= MOST_STEPS

    @property
    def anchored(self):
        """The scores that can have an anchor: every one where there are few, else the ends."""
        return list(self.points) if self.has_steps else [self.lowest, self.highest]

    # What a policy holds for an axis unless it says otherwise: 1, 4 and 2 on a scale from 1 to 5.
    @property
    def usual_tau(self):
        return (self.width + 2) // 4

    @property
    def usual_aligned_cut(self):
        """Three quarters up, the next whole number."""
        return self.lowest + math.ceil(3 * self.width / 4)

    @property
    def usual_misaligned_cut(self):
        """A quarter up, the whole number below."""
        return self.lowest + self.width // 4

    def holds(self, score):
        """Whether `score` is a whole number of the range."""
        return type(score) is int and self.lowest <= score <= self.highest

    def place(self, value):
        """Where a score or a mean lies, as a share: 0 at the lowest, 1 at the highest."""
        return min(max((value - self.lowest) / self.width, 0.0), 1.0)

    def at(self, share):
        """The whole number nearest to a share of the way from the lowest to the highest."""
        return round(self.lowest + share * self.width)

    def look(self, value):
        """The look of a score or a mean: 1 (poor) to LOOKS (excellent); means round half up."""
        return 1 + math.floor(self.place(value) * (LOOKS - 1) + 0.5)
