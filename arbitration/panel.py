"""The state of a stage's arbitration in numbers, for those who run it."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from annotation.answers import label_rows, score_rows
from annotation.counting import shown_responses
from annotation.models import Preference, Rating, Response
from arbitration.labels import claimed_cases, open_work
from arbitration.models import Case, Decision, FinalLabel
from core.models import Stage, User

DECIDED = (Response.Status.RESOLVED, Response.Status.EXCLUDED)


@dataclass
class Arbitration:
    """How far a stage's arbitration is.

    `aside` were taken out of the work; `settled` would get a label now. `overridden` of the `consensuses` went outside
    what the experts gave; `labels` counts final ones by class.
    """

    stage: Stage
    waiting: int
    claimed: list[Case]
    decided: int
    excluded: int
    consensuses: int
    overridden: int
    agreed: int
    aside: int
    settled: int
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
    def may_set_aside(self):
        """Whether all that keeps the stage from being finalized can be set aside."""
        return self.stage.status == Stage.Status.RATING and bool(self.open_work)

    @property
    def is_final(self):
        return self.stage.status in Stage.FINAL


def survey(stage) -> Arbitration:
    """The arbitration of a stage as it stands."""
    count = shown_responses(stage)
    claimed = list(claimed_cases(stage).select_related("lead").order_by("claimed_at"))
    is_final = stage.status in Stage.FINAL
    consensuses, excluded = _decisions(stage) if is_final or any(map(count.get, DECIDED)) else (0, 0)
    by_class, by_agreement = _labels(stage) if is_final else ({}, 0)
    return Arbitration(
        stage=stage,
        waiting=count.get(Response.Status.DIVERGENT, 0) - len(claimed),
        claimed=claimed,
        decided=consensuses + excluded,
        excluded=excluded,
        consensuses=consensuses,
        overridden=count_overridden(stage) if consensuses else 0,
        agreed=count.get(Response.Status.AGREED, 0) + by_agreement,
        aside=count.get(Response.Status.SET_ASIDE, 0),
        settled=sum(count.get(each, 0) for each in (Response.Status.AGREED, *DECIDED)),
        open_work=[] if is_final else open_work(stage, count),
        labels=[(label, by_class.get(value, 0)) for value, label in FinalLabel.Alignment.choices],
    )


def rests_on_simulation(stage):
    """Whether simulated experts rated or preferred, or a simulated lead decided, anything of the stage.

    What shows it says so.
    """
    simulated = list(User.objects.filter(is_simulated=True).values_list("pk", flat=True))
    if not simulated:
        return False
    return (
        Rating.objects.current().filter(response__stage=stage, expert__in=simulated).exists()
        or Preference.objects.current().filter(pair__stage=stage, expert__in=simulated).exists()
        or Decision.objects.standing().filter(case__response__stage=stage, lead__in=simulated).exists()
    )


def _decisions(stage):
    """(consensuses, exclusions) of the stage."""
    return tuple(
        Decision.objects.standing()
        .filter(case__response__stage=stage)
        .aggregate(
            consensuses=Count("pk", filter=Q(outcome=Decision.Outcome.CONSENSUS)),
            excluded=Count("pk", filter=Q(outcome=Decision.Outcome.EXCLUDED)),
        )
        .values()
    )


def _labels(stage):
    """({class: final labels}, how many of them by agreement): an agreed response keeps counting as agreed."""
    rows = FinalLabel.objects.filter(response__stage=stage).order_by().values_list("alignment", "source")
    by_class, by_agreement = {}, 0
    for alignment, source, n in rows.annotate(n=Count("pk")):
        by_class[alignment] = by_class.get(alignment, 0) + n
        by_agreement += n if source == FinalLabel.Source.AGREEMENT else 0
    return by_class, by_agreement


def count_overridden(stage):
    """How many consensuses of the stage set a score outside the experts' range, or a label that none of them chose.

    Where no expert gave a score or a label, there is nothing to override.
    """
    return (
        Decision.objects.standing()
        .filter(Exists(_scores_outside()) | Exists(_labels_nobody_gave()), case__response__stage=stage)
        .count()
    )


def _scores_outside():
    given = score_rows(Rating).filter(
        axis=OuterRef("axis"),
        owner__response=OuterRef("owner__case__response"),
        owner__superseded_at=None,
    )
    return score_rows(Decision).filter(
        Exists(given),
        ~Exists(given.filter(value__lte=OuterRef("value")))
        | ~Exists(given.filter(value__gte=OuterRef("value"))),
        owner=OuterRef("pk"),
    )


def _labels_nobody_gave():
    given = label_rows(Rating).filter(
        label_set=OuterRef("label_set"),
        owner__response=OuterRef("owner__case__response"),
        owner__superseded_at=None,
    )
    return label_rows(Decision).filter(
        Exists(given), ~Exists(given.filter(value=OuterRef("value"))), owner=OuterRef("pk")
    )
