"""The gate before a promotion: what is measured of a model, and what the policy's rules make of it.

Who can measure registers in `measuring`; this room knows the rules and keeps the figures.
"""

from dataclasses import dataclass

from django.db import transaction

from core.access import ADMIN
from core.errors import Conflict, NotAllowed
from core.locks import lock_stage
from core.models import Measure
from core.policies import whole
from training.models import WORST_LAST, Gate, GateFigure, Unmeasured, Verdict

measuring = []
"""Functions of the rooms after this one: of a stage, a model version and the rules of the stage's policy, (the
comparison stage that the figures rest on or None, a list of Figures). Rules that none of them answers are not
measured."""

BY_THEIR_INTERVAL = {Measure.AXIS, Measure.COHERENCE}
"""Measures that pass only where their whole interval does: not to be worse has to be shown."""


@dataclass(frozen=True)
class Figure:
    """What was measured for one rule; see training.models.GateFigure. Either `value` or `why` is given."""

    measure: str
    about: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    before: float | None = None
    after: float | None = None
    n: int = 0
    why: str = ""


def verdict_of(rule, figure):
    """What a rule says of its figure. Above the bound it has the rule's consequence; not measured is no pass.

    Where only an interval's end is above it, that is a warning at most: too little is known.
    """
    if figure.value is None:
        return Verdict.NOT_MEASURED
    if figure.value > rule.bound:
        return Verdict(rule.consequence)
    if rule.measure in BY_THEIR_INTERVAL and figure.high > rule.bound:
        return Verdict.WARN
    return Verdict.PASS


def worst(verdicts):
    """The verdict of a gate with these; one that asked for nothing has measured nothing."""
    return max(verdicts, key=WORST_LAST.index, default=Verdict.NOT_MEASURED)


@transaction.atomic
def take_gate(*, stage, model_version, by, now):
    """Measure a model that may go on from a stage. Returns the Gate; the newest one, where its figures are the same.

    Raises NotAllowed for whoever is no admin of the project, Conflict before the labels of the stage are final.
    """
    if not stage.project.memberships.filter(user=by, role=ADMIN).exists():
        raise NotAllowed("Only an admin of this project can measure a model.")
    stage = lock_stage(stage)
    if stage.status not in stage.FINAL:
        raise Conflict(f"The labels of {stage} are not final yet: finalize them first.")
    rules = list(whole(stage.policy).gate.all())
    compared_in, figures = _measure(stage, model_version, rules)
    rows = [
        GateFigure(position=position, **vars(figure), bound=rule.bound, verdict=verdict_of(rule, figure))
        for position, (rule, figure) in enumerate(
            (rule, figure) for rule in rules for figure in figures if figure.measure == rule.measure
        )
    ]
    newest = newest_gate(stage, model_version)
    if newest is not None and _told(newest.figures.all()) == _told(rows):
        return newest
    gate = Gate.objects.create(
        stage=stage,
        model_version=model_version,
        against=stage.model_version,
        compared_in=compared_in,
        verdict=worst([row.verdict for row in rows]),
        taken_by=by,
        created_at=now,
    )
    for row in rows:
        row.gate = gate
    GateFigure.objects.bulk_create(rows)
    return gate


def newest_gate(stage, model_version):
    """The newest Gate of a model after a stage with its figures, or None."""
    gates = Gate.objects.filter(stage=stage, model_version=model_version).select_related(
        "model_version", "against", "compared_in"
    )
    return gates.prefetch_related("figures").order_by("-id").first()


def _measure(stage, model_version, rules):
    compared_in, figures = None, []
    for measure in measuring:
        found_in, found = measure(stage, model_version, rules)
        compared_in = compared_in or found_in
        figures += found
    answered = {figure.measure for figure in figures}
    missing = [rule for rule in rules if rule.measure not in answered]
    return compared_in, figures + [
        Figure(rule.measure, rule.tag, why=Unmeasured.NO_ANSWERS) for rule in missing
    ]


def _told(figures):
    """What makes two gates the same."""
    names = ("measure", "about", "value", "low", "high", "before", "after", "n", "bound", "verdict", "why")
    return [tuple(getattr(figure, name) for name in names) for figure in figures]
