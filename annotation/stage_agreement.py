"""How much the experts of a stage agree, over its finished responses.

The database reduces each response to a pattern ("two 4s and a 5"), and there are few patterns, so that what
reaches Python stays small at any number of ratings.
"""

from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from django.db import connection

from annotation.agreement import SCALE, exact_share, krippendorff_alpha, spread_share
from annotation.answers import label_rows, score_rows
from annotation.counting import shown_responses
from annotation.models import Rating, Response
from annotation.responses import largest_k

KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class AxisAgreement:
    """`alpha` is Krippendorff's, ordinal for an axis, nominal for a label set; None where it is undefined.

    `exact`: the share of responses on which all chose the same; `apart`: with max − min > τ, axes only.
    """

    name: str
    alpha: float | None
    exact: float | None
    apart: float | None = None
    tau: int | None = None


@dataclass(frozen=True)
class StageAgreement:
    """Agreement over the first `responses` finished responses of a stage."""

    responses: int
    axes: tuple
    label_sets: tuple


def stage_agreement(stage):
    """The agreement of a stage over the responses that have all their ratings, or went to a lead.

    Kept until a hundredth more responses are finished, so that a page that looks again costs nothing.
    """
    finished = _finished(stage)
    agreement = _kept(stage, finished)
    if agreement is None:
        agreement = measure_agreement(stage, finished)
        cache.set(_key(stage), agreement, KEPT_SECONDS)
    return agreement


def kept_agreement(stage):
    """What `stage_agreement` would give, where it would give it at once; else None."""
    return _kept(stage, _finished(stage))


def measure_agreement(stage, finished):
    """The agreement of a stage, reckoned anew."""
    base = largest_k(stage) + 1
    tolerances = dict(stage.policy.tolerances.values_list("axis", "tau"))
    axes = list(stage.policy.rubric.axes.all())
    scores = _patterns(
        stage, base, score_rows(Rating).model, "axis_id", "value", {axis.pk: list(SCALE) for axis in axes}
    )
    label_sets = list(stage.policy.rubric.label_sets.prefetch_related("values"))
    # "Cannot tell" is no class that could agree or disagree.
    classes = {
        each.pk: [value.pk for value in each.values.all() if not value.abstains] for each in label_sets
    }
    labels = _patterns(stage, base, label_rows(Rating).model, "label_set_id", "value_id", classes)
    return StageAgreement(
        responses=finished,
        axes=tuple(
            AxisAgreement(
                axis.name,
                krippendorff_alpha(scores[axis.pk], "ordinal"),
                exact_share(scores[axis.pk]),
                spread_share(scores[axis.pk], tolerances[axis.pk]),
                tolerances[axis.pk],
            )
            for axis in axes
        ),
        label_sets=tuple(
            AxisAgreement(
                each.name, krippendorff_alpha(labels[each.pk], "nominal"), exact_share(labels[each.pk])
            )
            for each in label_sets
        ),
    )


def _finished(stage):
    counts = shown_responses(stage)
    return sum(counts.values()) - counts.get(Response.Status.AWAITING_RATINGS, 0)


def _key(stage):
    return f"annotation.agreement.{stage.pk}.{stage.created_at.isoformat()}"


def _kept(stage, finished):
    kept = cache.get(_key(stage))
    fresh = kept is not None and kept.responses <= finished <= kept.responses + kept.responses // 100
    return kept if fresh else None


def _patterns(stage, base, model, question_column, value_column, questions):
    """{question: value counts, one row a finished response, one column a value}, in one pass over the answers.

    `questions`: {primary key of the axis or label set: its values}. A response's pattern travels as one
    number a question, in `base` (the largest k + 1), whose digits are the counts. A question with more values than
    such a number holds (31 at k = 3) is not measured.
    """
    patterns = {key: np.empty((0, len(values)), dtype=np.int64) for key, values in questions.items()}
    measured = {key: values for key, values in questions.items() if values and base ** len(values) < 2**62}
    if not measured:
        return patterns
    sums = ", ".join(
        f"SUM(CASE WHEN answer.{question_column} = {int(key)} THEN {_weight(value_column, values, base)} "
        f"ELSE 0 END) AS code_{int(key)}"
        for key, values in measured.items()
    )
    codes = ", ".join(f"code_{int(key)}" for key in measured)
    sql = f"""
        SELECT COUNT(*), {codes} FROM (
            SELECT {sums}
            FROM {Response._meta.db_table} response
            JOIN {Rating._meta.db_table} rating ON rating.response_id = response.id
            JOIN {model._meta.db_table} answer ON answer.owner_id = rating.id
            WHERE response.stage_id = %s AND response.status <> %s
            GROUP BY response.id
        ) patterns GROUP BY {codes} ORDER BY {codes}
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [stage.pk, Response.Status.AWAITING_RATINGS])
        rows = cursor.fetchall()
    for column, (key, values) in enumerate(measured.items(), start=1):
        digits = [[int(row[column]) // base**place % base for place in range(len(values))] for row in rows]
        table = np.array(digits, dtype=np.int64).reshape(len(rows), len(values))
        patterns[key] = np.repeat(table, [row[0] for row in rows], axis=0)
    return patterns


def _weight(column, values, base):
    cases = " ".join(f"WHEN {int(value)} THEN {base**place}" for place, value in enumerate(values))
    return f"CASE answer.{column} {cases} ELSE 0 END"
