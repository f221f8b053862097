"""How far each two raters of a stage agree, over a bounded number of its finished responses."""

from dataclasses import dataclass

import numpy as np

from annotation.answers import label_rows, score_rows
from annotation.models import Rating, Response
from annotation.pairwise import NOTHING_GIVEN, pair_raters
from core.policies import whole

MOST_RESPONSES = 10_000
"""The order of hand-out is drawn, so the first so many are a sample like any other."""
MOST_RATERS = 8
"""Those shown in the table: the ones who agree least with the rest."""


@dataclass(frozen=True)
class RaterTable:
    """Raters against raters: `rows` of (name, cells), a cell being a Pair or None. `left_out`: raters beyond them.

    `identical`: sentences' parts (name, other name, responses)."""

    names: list
    rows: list
    left_out: int
    identical: list


def rater_pairs(stage):
    """The RaterPairs of a stage: raters by their primary keys."""
    rubric = whole(stage.policy).rubric
    axes, label_sets = list(rubric.axes.all()), list(rubric.label_sets.all())
    column = {("axis", axis.pk): place for place, axis in enumerate(axes)}
    column |= {("set", each.pk): len(axes) + place for place, each in enumerate(label_sets)}
    finished = Response.objects.filter(stage=stage).exclude(status=Response.Status.AWAITING_RATINGS)
    first = finished.order_by("position").values("pk")[:MOST_RESPONSES]
    ratings, given = {}, []
    for kind, rows, question, value in (
        ("axis", score_rows(Rating), "axis_id", "value"),
        ("set", label_rows(Rating), "label_set_id", "value_id"),
    ):
        rows = rows.filter(owner__superseded_at=None, owner__response__in=first)
        for response, expert, of, answer in rows.values_list(
            "owner__response_id", "owner__expert_id", question, value
        ):
            place = ratings.setdefault((response, expert), len(ratings))
            given.append((place, column[kind, of], answer))
    answers = np.full((len(ratings), len(column)), NOTHING_GIVEN, dtype=np.int64)
    if given:
        places, columns, values = np.array(given).T
        answers[places, columns] = values
    return pair_raters(
        [expert for _, expert in ratings],
        [response for response, _ in ratings],
        answers,
        [list(axis.scale.points) for axis in axes],
    )


def rater_table(pairs, names):
    """The RaterPairs as a table; `names`: {rater: what they are called}. None where no two share enough responses."""
    found = {(pair.one, pair.other): pair for pair in pairs.pairs if pair.agreement is not None}
    if not found:
        return None
    raters = {rater for pair in found for rater in pair}
    mean = {
        rater: np.mean([pair.agreement for key, pair in found.items() if rater in key]) for rater in raters
    }
    shown = sorted(sorted(raters, key=lambda rater: (mean[rater], rater))[:MOST_RATERS])
    return RaterTable(
        names=[names[rater] for rater in shown],
        rows=[
            (names[one], [found.get((min(one, other), max(one, other))) for other in shown]) for one in shown
        ],
        left_out=len(raters) - len(shown),
        identical=[(names[pair.one], names[pair.other], pair.shared) for pair in pairs.identical],
    )
