"""Held-out prompts that mean nearly what is to be learned: they keep a training set from being learned from.

What a model has learned, a held-out prompt would ask it again, and the report would call it a gain. Rooms downstream,
which know what texts mean, say what they found; here is what follows from it.
"""

from dataclasses import dataclass, field

from annotation.models import Prompt
from core.errors import InvalidInput

NEAR = 0.95
"""The cosine above which two prompts ask nearly the same."""
SHOWN = 20

comparing = []
"""A function of the room downstream that knows what prompts mean: of a stage and a query of its project's prompts that
are to be learned from, their Compared."""


@dataclass(frozen=True)
class NearPair:
    """A prompt to be learned from, a held-out prompt that asks nearly the same, and the cosine of their texts."""

    learned: Prompt
    held_out: Prompt
    cosine: float

    def __str__(self):
        return (
            f"“{self.learned}” ({self.learned.get_split_display().lower()}) and “{self.held_out}” (held-out): "
            f"cosine {self.cosine:.3f}."
        )


@dataclass(frozen=True)
class Compared:
    """What is known of prompts that ask nearly the same: `count` pairs, of them the nearest SHOWN as `pairs`.

    `is_known`: the stage's prompts were compared; `lacking` held-out prompts were not, because no model has answered
    them yet.
    """

    pairs: list[NearPair] = field(default_factory=list)
    count: int = 0
    lacking: int = 0
    is_known: bool = False


def compare_labels(stage, labels):
    """The Compared of what a run on the stage would learn from; `labels`: a query of those final labels."""
    return _compare(stage, Prompt.objects.filter(responses__final_label__in=labels))


def check_apart(training_set):
    """Raise InvalidInput, naming the pairs, where a held-out prompt in use asks nearly what an example of the set
    does."""
    examples = training_set.examples.values("final_label__response__prompt")
    found = _compare(training_set.stage, Prompt.objects.filter(pk__in=examples))
    if found.count:
        raise InvalidInput(
            f"{found.count} pair{'s' * (found.count > 1)} of prompts ask nearly the same, one to be learned from and "
            "one held out: set one of each pair aside, then launch again.",
            [str(pair) for pair in found.pairs],
        )


def _compare(stage, learned):
    return comparing[0](stage, learned) if comparing else Compared()
