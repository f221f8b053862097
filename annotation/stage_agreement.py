"""How much the experts of a stage agree, over its finished responses.

The database reduces each response to a pattern ("two 4s and a 5"), and there are few patterns, so that what
reaches Python stays small at any number of ratings.
"""

from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from django.db import connection

from annotation.agreement import SCALE, exact_share, krippendorff_alpha, spread_share
from annotation.models import Rating, RatingLabel, RatingScore, Response

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
    k = stage.policy.ratings_per_response
    tolerances = dict(stage.policy.tolerances.values_list("axis", "tau"))
    axes = []
    for axis in stage.policy.rubric.axes.all():
        counts = _patterns(stage, RatingScore, "axis_id", axis.pk, "value", SCALE, k)
        tau = tolerances[axis.pk]
        axes.append(
            AxisAgreement(
                axis.name,
                krippendorff_alpha(counts, "ordinal"),
                exact_share(counts),
                spread_share(counts, tau),
                tau,
            )
        )
    label_sets = []
    for label_set in stage.policy.rubric.label_sets.prefetch_related("values"):
        # "Cannot tell" is no class that could agree or disagree.
        values = [value.pk for value in label_set.values.all() if not value.abstains]
        counts = _patterns(stage, RatingLabel, "label_set_id", label_set.pk, "value_id", values, k)
        label_sets.append(
            AxisAgreement(label_set.name, krippendorff_alpha(counts, "nominal"), exact_share(counts))
        )
    return StageAgreement(finished, tuple(axes), tuple(label_sets))


def _finished(stage):
    return Response.objects.filter(stage=stage).exclude(status=Response.Status.AWAITING_RATINGS).count()


def _key(stage):
    return f"annotation.agreement.{stage.pk}.{stage.created_at.isoformat()}"


def _kept(stage, finished):
    kept = cache.get(_key(stage))
    fresh = kept is not None and kept.responses <= finished <= kept.responses + kept.responses // 100
    return kept if fresh else None


def _patterns(stage, model, question_column, question, value_column, values, k):
    """Value counts, one row a finished response, one column a value of `values`.

    A response's pattern travels as one number in base k + 1, whose digits are the counts.
    """
    base = k + 1
    if base ** len(values) > 2**62:
        return np.empty((0, len(values)), dtype=np.int64)
    weights = " ".join(f"WHEN {int(value)} THEN {base**place}" for place, value in enumerate(values))
    sql = f"""
        SELECT code, COUNT(*) FROM (
            SELECT SUM(CASE answer.{value_column} {weights} ELSE 0 END) AS code
            FROM {Response._meta.db_table} response
            JOIN {Rating._meta.db_table} rating ON rating.response_id = response.id
            JOIN {model._meta.db_table} answer
              ON answer.rating_id = rating.id AND answer.{question_column} = %s
            WHERE response.stage_id = %s AND response.status <> %s
            GROUP BY response.id
        ) patterns GROUP BY code ORDER BY code
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [question, stage.pk, Response.Status.AWAITING_RATINGS])
        rows = cursor.fetchall()
    digits = [[int(code) // base**place % base for place in range(len(values))] for code, _ in rows]
    patterns = np.array(digits, dtype=np.int64).reshape(len(rows), len(values))
    return np.repeat(patterns, [count for _, count in rows], axis=0)
