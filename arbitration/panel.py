"""The state of a stage's arbitration in numbers, for those who run it."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from annotation.models import RatingLabel, RatingScore, Response
from arbitration.labels import count_by_status, open_work
from arbitration.models import Case, Decision, DecisionLabel, DecisionScore, FinalLabel
from core.models import Stage


@dataclass
class Arbitration:
    """How far a stage's arbitration is.

    `overridden` of the `consensuses` went outside what the experts gave; `labels` counts final ones by class.
    """

    stage: Stage
    waiting: int
    claimed: list[Case]
    decided: int
    excluded: int
    consensuses: int
    overridden: int
    agreed: int
    open_work: list[str]
    labels: list[tuple[str, int]]

    @property
    def override_rate(self):
        return self.overridden / self.consensuses if self.consensuses else None

    @property
    def claimed_note(self):
        return f"{len(self.claimed)} more before one" if self.claimed else ""

    @property
    def override_note(self):
        return f"{self.overridden} of {self.consensuses} beyond the experts" if self.consensuses else ""

    @property
    def excluded_note(self):
        return f"{self.excluded} excluded" if self.excluded else ""

    @property
    def may_finalize(self):
        return not self.is_final and not self.open_work

    @property
    def is_final(self):
        return self.stage.status in (Stage.Status.LABELS_FINAL, Stage.Status.COMPLETE)


def survey(stage) -> Arbitration:
    """The arbitration of a stage as it stands."""
    count = count_by_status(stage)
    claimed = list(
        Case.objects.filter(response__stage=stage, status=Case.Status.CLAIMED)
        .select_related("lead")
        .order_by("claimed_at")
    )
    decisions = Decision.objects.filter(case__response__stage=stage)
    by_outcome = decisions.aggregate(
        consensuses=Count("pk", filter=Q(outcome=Decision.Outcome.CONSENSUS)),
        excluded=Count("pk", filter=Q(outcome=Decision.Outcome.EXCLUDED)),
    )
    final = FinalLabel.objects.filter(response__stage=stage).order_by().values_list("alignment")
    by_class = dict(final.annotate(n=Count("pk")))
    survey = Arbitration(
        stage=stage,
        waiting=count.get(Response.Status.DIVERGENT, 0) - len(claimed),
        claimed=claimed,
        decided=by_outcome["consensuses"] + by_outcome["excluded"],
        excluded=by_outcome["excluded"],
        consensuses=by_outcome["consensuses"],
        overridden=count_overridden(stage),
        agreed=count.get(Response.Status.AGREED, 0) + _labeled_as_agreed(final),
        open_work=[],
        labels=[(label, by_class.get(value, 0)) for value, label in FinalLabel.Alignment.choices],
    )
    if not survey.is_final:
        survey.open_work = open_work(stage)
    return survey


def _labeled_as_agreed(final):
    """How many agreed responses have become labels: they keep counting as agreed."""
    return final.filter(source=FinalLabel.Source.AGREEMENT).count()


def count_overridden(stage):
    """How many consensuses of the stage set a score outside the experts' range, or a label that none of them chose.

    Where no expert gave a score or a label, there is nothing to override.
    """
    return Decision.objects.filter(
        Exists(_scores_outside()) | Exists(_labels_nobody_gave()), case__response__stage=stage
    ).count()


def _scores_outside():
    given = RatingScore.objects.filter(
        axis=OuterRef("axis"), rating__response=OuterRef("decision__case__response")
    )
    return DecisionScore.objects.filter(
        Exists(given),
        ~Exists(given.filter(value__lte=OuterRef("value")))
        | ~Exists(given.filter(value__gte=OuterRef("value"))),
        decision=OuterRef("pk"),
    )


def _labels_nobody_gave():
    given = RatingLabel.objects.filter(
        label_set=OuterRef("label_set"), rating__response=OuterRef("decision__case__response")
    )
    return DecisionLabel.objects.filter(
        Exists(given), ~Exists(given.filter(value=OuterRef("value"))), decision=OuterRef("pk")
    )
