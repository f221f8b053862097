"""What a run of each objective learns from: which kind of training set, and by which rule it is drawn."""

from dataclasses import dataclass

from core.errors import InvalidInput
from training.models import TrainingRun, TrainingSet
from training.preferring import LEAST_GAP

Objective, Kind = TrainingRun.Objective, TrainingSet.Kind


@dataclass(frozen=True)
class Means:
    """What an objective needs: the kind of its set, the trainer's name for it, its usual learning rate, and which
    settings it has. `sentence` says in one sentence when to use it.
    """

    kind: str
    trainer: str
    sentence: str
    learning_rate: float = 5e-5
    has_beta: bool = False
    has_order: bool = False

    @property
    def has_gap(self):
        """Whether answers must differ by a least difference to be told apart."""
        return self.has_order and self.kind == Kind.PAIRS


MEANS = {
    Objective.SFT: Means(
        Kind.ANSWERS, "sft", "Learns fully aligned responses and accepted revisions word by word. Begin here."
    ),
    Objective.WEIGHTED_SFT: Means(
        Kind.ANSWERS,
        "weighted_sft",
        "The same, but an example counts more where the experts were of one mind. For panels that often disagree.",
    ),
    Objective.BEST_OF_N: Means(
        Kind.ANSWERS,
        "sft",
        "The same, but of several candidates to a prompt only the one with the best label. For stages with several.",
        has_order=True,
    ),
    Objective.DPO: Means(
        Kind.PAIRS,
        "dpo",
        "Learns from pairs to prefer the better answer: of candidates, of turns, of revisions. For what SFT cannot "
        "teach: what not to say.",
        learning_rate=5e-6,
        has_beta=True,
        has_order=True,
    ),
    Objective.CORRECTIONS: Means(
        Kind.PAIRS,
        "dpo",
        "The same, from accepted revisions over the model’s own responses alone. For stages with many revisions.",
        learning_rate=5e-6,
        has_beta=True,
    ),
    Objective.KTO: Means(
        Kind.JUDGED,
        "kto",
        "Learns from good and from poor answers that need not be pairs. For stages with one candidate a prompt.",
        learning_rate=5e-6,
        has_beta=True,
    ),
}


@dataclass(frozen=True)
class Recipe:
    """How a set is drawn from final labels, chosen before they are looked at.

    `order`: axis keys, the first that tells two answers apart by `least_gap` (a share of its range) decides;
    `all_axes`: they decide together, by soft-AND, and their order does not matter.
    """

    objective: str = Objective.SFT
    order: tuple[str, ...] = ()
    least_gap: float = LEAST_GAP
    all_axes: bool = False

    @property
    def means(self):
        return MEANS[Objective(self.objective)]

    @property
    def kind(self):
        return self.means.kind

    def as_row(self):
        """What is kept of it with the set."""
        row = {"objective": str(self.objective)}
        if self.means.has_order:
            row |= {"order": list(self.order), "least_gap": self.least_gap, "all_axes": self.all_axes}
        return row


def usual_order(rubric):
    """The keys of the rubric's axes as they stand, but safety first where there is such an axis."""
    keys = [axis.key for axis in rubric.axes.all()]
    return sorted(keys, key=lambda key: key != "safety")


def recipe_for(stage, *, objective=Objective.SFT, order=None, least_gap=LEAST_GAP, all_axes=False):
    """The Recipe that somebody chose for a stage. Raises InvalidInput, naming every fault."""
    faults = []
    if objective not in Objective.values:
        raise InvalidInput(f"Choose an objective: one of {', '.join(Objective.values)}.")
    known = usual_order(stage.policy.rubric)
    order = known if order is None else list(order)
    unknown = [key for key in order if key not in known]
    if unknown or not order or len(set(order)) < len(order):
        faults.append(f"The order names axes of the rubric, each once: {', '.join(known)}.")
    if not 0 < least_gap <= 1:
        faults.append("The least difference must lie above 0 and not above 1, the whole range of an axis.")
    if faults:
        raise InvalidInput("This training set cannot be drawn yet.", faults)
    return Recipe(Objective(objective), tuple(order), least_gap, all_axes)
