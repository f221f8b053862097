"""How much the experts of a stage agree, over its finished responses.

The database reduces each response to a pattern ("two 4s and a 5"), and there are few patterns, so that what
reaches Python stays small at any number of ratings.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from django.core.cache import cache
from django.db import connection

from annotation.agreement import (
    alpha_interval,
    exact_share,
    gwet_ac,
    krippendorff_alpha,
    lacks_variety,
    spread_share,
)
from annotation.answers import label_rows, score_rows
from annotation.counting import shown_responses
from annotation.models import Rating, Response
from annotation.pairwise import RaterPairs
from annotation.rater_pairs import rater_pairs
from annotation.responses import largest_k
from core.models import User
from core.policies import whole

KEPT_SECONDS = 24 * 3600
# What a number of both databases surely holds.
NUMBER_BITS = 62


@dataclass(frozen=True)
class AxisAgreement:
    """`alpha` is Krippendorff's, ordinal for an axis, nominal for a label set; None where it is undefined. `interval`:
    its 95 % interval over responses.

    `ac`: Gwet's, AC2 for an axis, AC1 for a label set. `exact`: the share of responses on which all chose the same;
    `apart`: with max − min > τ, axes only.
    """

    name: str
    alpha: float | None
    ac: float | None
    exact: float | None
    interval: tuple = (None, None)
    apart: float | None = None
    tau: int | None = None

    @property
    def lacks_variety(self):
        return lacks_variety(self.alpha, self.ac)


@dataclass(frozen=True)
class StageAgreement:
    """Agreement over the first `responses` finished responses of a stage.

    `raters`: {key: name} of those in `pairs`; `stage_agreement` alone gives them."""

    responses: int
    axes: tuple
    label_sets: tuple
    pairs: RaterPairs
    raters: dict = field(default_factory=dict)

    @property
    def lacking_variety(self):
        """The names of what α says little about."""
        return [each.name for each in (*self.axes, *self.label_sets) if each.lacks_variety]


def stage_agreement(stage):
    """The agreement of a stage over the responses that have all their ratings, or went to a lead.

    Kept until a hundredth more responses are finished or a rating is corrected, so that a page that looks again costs
    nothing.
    """
    finished, key = _finished(stage), _key(stage)
    agreement = _kept(key, finished)
    if agreement is None:
        agreement = measure_agreement(stage, finished)
        people = User.objects.in_bulk(agreement.pairs.raters)
        agreement = replace(agreement, raters={key: str(person) for key, person in people.items()})
        cache.set(key, agreement, KEPT_SECONDS)
    return agreement


def kept_agreement(stage):
    """What `stage_agreement` would give, where it would give it at once; else None."""
    return _kept(_key(stage), _finished(stage))


def measure_agreement(stage, finished):
    """The agreement of a stage, reckoned anew."""
    policy = whole(stage.policy)
    tolerances = {rule.axis_id: rule.tau for rule in policy.rules.all()}
    axes = list(policy.rubric.axes.all())
    points = {axis.pk: list(axis.scale.points) for axis in axes}
    bits = max(largest_k(stage).bit_length(), 1)
    scores = _patterns(stage, bits, score_rows(Rating), "axis_id", "value", points)
    label_sets = list(policy.rubric.label_sets.all())
    # "Cannot tell" is no class that could agree or disagree.
    classes = {
        each.pk: [value.pk for value in each.values.all() if not value.abstains] for each in label_sets
    }
    labels = _patterns(stage, bits, label_rows(Rating), "label_set_id", "value_id", classes)
    return StageAgreement(
        responses=finished,
        axes=tuple(
            AxisAgreement(
                axis.name,
                **_coefficients(scores[axis.pk], "ordinal"),
                apart=spread_share(scores[axis.pk].counts, tolerances[axis.pk], scores[axis.pk].times),
                tau=tolerances[axis.pk],
            )
            for axis in axes
        ),
        label_sets=tuple(
            AxisAgreement(each.name, **_coefficients(labels[each.pk], "nominal")) for each in label_sets
        ),
        pairs=rater_pairs(stage),
    )


def _coefficients(patterns, level):
    counts, times = patterns.counts, patterns.times
    return {
        "alpha": krippendorff_alpha(counts, level, times),
        "ac": gwet_ac(counts, level, times),
        "exact": exact_share(counts, times),
        "interval": alpha_interval(counts, level, times),
    }


def _finished(stage):
    counts = shown_responses(stage)
    return sum(counts.values()) - counts.get(Response.Status.AWAITING_RATINGS, 0)


def _key(stage):
    superseded = Rating.objects.superseded().filter(response__stage=stage).count()
    return f"annotation.stage_agreement.{stage.pk}.{stage.created_at.isoformat()}.{superseded}"


def _kept(key, finished):
    kept = cache.get(key)
    fresh = kept is not None and kept.responses <= finished <= kept.responses + kept.responses // 100
    return kept if fresh else None


@dataclass(frozen=True)
class Patterns:
    """Value counts, one row a pattern, one column a value, and how many finished responses show each pattern."""

    counts: np.ndarray
    times: np.ndarray


def _patterns(stage, bits, rows, question_column, value_column, questions):
    """{question: Patterns} of the finished responses of a stage.

    `questions`: {primary key of the axis or label set: its values}. A response's pattern travels as digits of one
    number, each the `bits` that the largest k needs, or of several numbers where the values are many (31 at k = 3).
    Questions of few values are read together, in one pass over the answers; one of many in a pass of its own,
    because its patterns are many too.
    """
    per_number = NUMBER_BITS // bits
    found = {key: Patterns(np.empty((0, 0), np.int64), np.empty(0, np.int64)) for key in questions}
    short = [key for key, values in questions.items() if 0 < len(values) <= per_number]
    passes = [short] if short else []
    passes += [[key] for key, values in questions.items() if len(values) > per_number]
    for keys in passes:
        parts = [
            (key, values[start : start + per_number])
            for key in keys
            for values in [questions[key]]
            for start in range(0, len(values), per_number)
        ]
        codes = _read_codes(stage, rows, question_column, value_column, parts, bits)
        for key in keys:
            columns = [
                codes[:, 1 + place] >> (bits * digit) & ((1 << bits) - 1)
                for place, (question, values) in enumerate(parts)
                if question == key
                for digit in range(len(values))
            ]
            found[key] = Patterns(np.stack(columns, axis=1), codes[:, 0])
    return found


def _read_codes(stage, rows, question_column, value_column, parts, bits):
    """One row a pattern: how many responses show it, then its number for each part (question, values)."""
    sums = ", ".join(
        f"SUM(CASE WHEN answer.{question_column} = {int(key)} THEN {_weight(value_column, values, bits)} "
        f"ELSE 0 END) AS code_{place}"
        for place, (key, values) in enumerate(parts)
    )
    codes = ", ".join(f"code_{place}" for place in range(len(parts)))
    sql = f"""
        SELECT COUNT(*), {codes} FROM (
            SELECT {sums}
            FROM {Response._meta.db_table} response
            JOIN {Rating._meta.db_table} rating ON rating.response_id = response.id AND rating.superseded_at IS NULL
            JOIN {rows.model._meta.db_table} answer ON answer.owner_id = rating.id
            WHERE response.stage_id = %s AND response.status <> %s
            GROUP BY response.id
        ) patterns GROUP BY {codes} ORDER BY {codes}
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [stage.pk, Response.Status.AWAITING_RATINGS])
        found = [[int(number) for number in row] for row in cursor.fetchall()]
    return np.array(found, dtype=np.int64).reshape(-1, 1 + len(parts))


def _weight(column, values, bits):
    cases = " ".join(f"WHEN {int(value)} THEN {1 << bits * place}" for place, value in enumerate(values))
    return f"CASE answer.{column} {cases} ELSE 0 END"
