"""PURE. Which trial of a run group its rule chooses, and by what."""

from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class Trial:
    """One setting of a group and the kept validation loss of each of its seeds' runs, None where there is none."""

    number: int
    learning_rate: float
    epochs: int
    batch_size: int
    losses: tuple[float | None, ...]
    lora_rank: int = 0

    @property
    def measured(self):
        return [loss for loss in self.losses if loss is not None]

    @property
    def is_complete(self):
        return bool(self.losses) and len(self.measured) == len(self.losses)

    @property
    def mean(self):
        return fmean(self.measured) if self.measured else None

    @property
    def spread(self):
        """The standard deviation over seeds; None of fewer than two."""
        return stdev(self.measured) if len(self.measured) > 1 else None

    @property
    def rank(self):
        """What the rule compares, in its order. Trials of one rank would be one trial."""
        return self.mean, self.epochs, self.learning_rate, self.number


@dataclass(frozen=True)
class Choice:
    """The trial of the lowest mean validation loss, what it was held against, and which trials took no part.

    `trial` is None where no trial has a loss of every seed. `tie_broken_by` names what decided between equal means:
    "epochs", "learning_rate" or "number"; empty where the means differ.
    """

    trial: Trial | None
    runner_up: Trial | None = None
    tie_broken_by: str = ""
    left_out: tuple[Trial, ...] = ()

    @property
    def lead(self):
        """By how much the next mean is higher; None without a next."""
        return self.runner_up and self.runner_up.mean - self.trial.mean

    @property
    def is_within_spread(self):
        """Whether the seeds of one trial lie further apart than the two best trials."""
        spreads = [each.spread for each in (self.trial, self.runner_up) if each and each.spread is not None]
        return self.runner_up is not None and bool(spreads) and self.lead < max(spreads)


def choose(trials):
    """The Choice among a group's trials. One that lacks the loss of a seed takes no part: its mean is another thing."""
    ranked = sorted((trial for trial in trials if trial.is_complete), key=lambda trial: trial.rank)
    left_out = tuple(trial for trial in trials if not trial.is_complete)
    best, following = [*ranked, None, None][:2]
    return Choice(best, following, _tie_broken_by(best, following), left_out)


def _tie_broken_by(best, following):
    if following is None or best.mean != following.mean:
        return ""
    names = ("epochs", "learning_rate", "number")
    return next(name for name in names if getattr(best, name) != getattr(following, name))
