"""What a training set of pairs, or of good and poor answers, would hold, counted before it is frozen."""

from collections import Counter
from dataclasses import dataclass, field

from annotation.models import Prompt
from training.drawing import draw, labels_in_use
from training.models import TrainingExample, TrainingSet

Kind = TrainingExample.Kind
MOST_DRAWN = 500
"""A stage with more final labels than these is not drawn for a page alone: that would take longer than a page may."""
TOLD = {
    Kind.PREFERRED: ("between responses", "the better one of two"),
    Kind.CORRECTED: ("corrections", "a revision over its response"),
    Kind.GOOD: ("good answers", "fully aligned or revised"),
    Kind.POOR: ("poor answers", "misaligned"),
    Kind.AS_IS: ("fully aligned", "responses as they are"),
    Kind.REVISED: ("revised", "accepted by the consensus"),
}


@dataclass
class Foreseen:
    """`stats`: what there is, as (label, number, note); empty where the stage is too large to be drawn for a page.

    `examples`: how many lines would be learned from, None where that is not known.
    """

    stats: list = field(default_factory=list)
    examples: int | None = None


def foresee(stage, recipe):
    """Count what freezing the stage's labels by the recipe would give; writes nothing."""
    if labels_in_use(stage)[: MOST_DRAWN + 1].count() > MOST_DRAWN:
        return Foreseen()
    found = Counter((example.split, example.kind) for example, _ in draw(stage, recipe))
    train = {kind: number for (split, kind), number in found.items() if split == Prompt.Split.TRAIN}
    examples = sum(train.values())
    name = "pairs" if recipe.kind == TrainingSet.Kind.PAIRS else "examples"
    stats = [(name, examples, "train prompts only")]
    stats += [(TOLD[kind][0], number, TOLD[kind][1]) for kind, number in sorted(train.items())]
    stats.append(("validation", found.total() - examples, "for the loss that chooses"))
    return Foreseen(stats, examples)
