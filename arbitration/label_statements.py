"""The final labels of a whole stage, worked out and written by the database: a statement for each table, and what
experts and leads gave never leaves it.

The rules are those of consensus.py, said in SQL; a test holds one against the other over answers drawn at random.
"""

from django.db import connection

from annotation.answers import label_rows, score_rows
from annotation.models import Divergence, Rating, Response
from arbitration.consensus import ALIGNED, MISALIGNED, NOT_JUDGED, PARTLY
from arbitration.models import AcceptedRevision, Case, Decision, FinalLabel
from core.models import AxisRule, LabelValue

_TABLES = {
    "response": Response,
    "rating": Rating,
    "rating_score": score_rows(Rating).model,
    "rating_label": label_rows(Rating).model,
    "finding": Divergence,
    "lead_case": Case,
    "decision": Decision,
    "decision_score": score_rows(Decision).model,
    "decision_label": label_rows(Decision).model,
    "revision": AcceptedRevision,
    "axis_rule": AxisRule,
    "label_value": LabelValue,
    "final_label": FinalLabel,
    "final_score": score_rows(FinalLabel).model,
    "final_value": label_rows(FinalLabel).model,
    "provenance": FinalLabel.ratings.through,
}
_CONSTANTS = {
    "agreed": Response.Status.AGREED,
    "resolved": Response.Status.RESOLVED,
    "excluded": Response.Status.EXCLUDED,
    "closed": Case.Status.RESOLVED,
    "by_agreement": FinalLabel.Source.AGREEMENT,
    "by_arbitration": FinalLabel.Source.ARBITRATION,
    "left_out": FinalLabel.Alignment.EXCLUDED,
    "misaligned": MISALIGNED,
    "not_judged": NOT_JUDGED,
    "partly": PARTLY,
    "aligned": ALIGNED,
}
_NAMES = {name: model._meta.db_table for name, model in _TABLES.items()} | {
    name: f"'{value}'" for name, value in _CONSTANTS.items()
}

_GIVEN_SCORES = """
    SELECT rating.response_id, score.axis_id, score.value
    FROM {response} response
    JOIN {rating} rating ON rating.response_id = response.id AND rating.superseded_at IS NULL
    JOIN {rating_score} score ON score.owner_id = rating.id
    WHERE response.stage_id = %(stage)s AND response.status = {agreed}
"""

# The one in the middle or the two around it, whose mean is the median.
_MIDDLE_SCORES = f"""
    SELECT response_id, axis_id, value FROM (
        SELECT response_id, axis_id, value,
            ROW_NUMBER() OVER (PARTITION BY response_id, axis_id ORDER BY value) AS place,
            COUNT(*) OVER (PARTITION BY response_id, axis_id) AS number
        FROM ({_GIVEN_SCORES}) given
    ) placed
    WHERE 2 * place BETWEEN number AND number + 2
"""

_AVERAGED = {"mean": _GIVEN_SCORES, "median": _MIDDLE_SCORES}
"""By agreement rule, the scores whose mean is the consensus."""

_DECIDED = """
    {response} response
    JOIN {lead_case} lead_case ON lead_case.response_id = response.id AND lead_case.status = {closed}
    JOIN {finding} finding ON finding.id = lead_case.divergence_id AND finding.superseded_at IS NULL
    JOIN {decision} decision ON decision.case_id = lead_case.id
"""

_DECIDED_HERE = "response.stage_id = %(stage)s AND response.status = {resolved}"

# The sum of whole numbers is exact, so the quotient is that of consensus.py to the last bit.
_WORK_OUT_SCORES = f"""
    CREATE TEMPORARY TABLE consensus_score AS
    SELECT response_id, axis_id, CAST(SUM(value) AS double precision) / COUNT(*) AS value
    FROM ({{averaged}}) averaged
    GROUP BY response_id, axis_id
    UNION ALL
    SELECT response.id, score.axis_id, CAST(score.value AS double precision)
    FROM {_DECIDED} JOIN {{decision_score}} score ON score.owner_id = decision.id
    WHERE {_DECIDED_HERE}
"""

# Every label set that anybody answered; without a value where all abstained or answers tie.
_WORK_OUT_LABELS = f"""
    CREATE TEMPORARY TABLE consensus_label AS
    SELECT response_id, label_set_id,
        CASE WHEN COUNT(*) FILTER (WHERE leads) = 1 THEN MAX(value_id) FILTER (WHERE leads) END AS value_id
    FROM (
        SELECT response_id, label_set_id, value_id,
            number > 0 AND number = MAX(number) OVER (PARTITION BY response_id, label_set_id) AS leads
        FROM (
            SELECT rating.response_id, label.label_set_id, label.value_id,
                SUM(CASE WHEN answer.abstains THEN 0 ELSE 1 END) AS number
            FROM {{response}} response
            JOIN {{rating}} rating ON rating.response_id = response.id AND rating.superseded_at IS NULL
            JOIN {{rating_label}} label ON label.owner_id = rating.id
            JOIN {{label_value}} answer ON answer.id = label.value_id
            WHERE response.stage_id = %(stage)s AND response.status = {{agreed}}
            GROUP BY rating.response_id, label.label_set_id, label.value_id
        ) counted
    ) compared
    GROUP BY response_id, label_set_id
    UNION ALL
    SELECT response.id, label.label_set_id, label.value_id
    FROM {_DECIDED} JOIN {{decision_label}} label ON label.owner_id = decision.id
    WHERE {_DECIDED_HERE}
"""

_INSERT_FINAL_LABELS = f"""
    INSERT INTO {{final_label}} (response_id, policy_id, source, rule, decision_id, alignment, revision_id,
        finalized_by_id, created_at)
    SELECT response.id, %(policy)s,
        CASE WHEN response.status = {{agreed}} THEN {{by_agreement}} ELSE {{by_arbitration}} END,
        CASE WHEN response.status = {{agreed}} THEN %(rule)s ELSE '' END,
        decided.decision_id,
        CASE WHEN response.status = {{excluded}} THEN {{left_out}}
            WHEN said.adverse > 0 OR reached.too_low > 0 THEN {{misaligned}}
            WHEN said.left_open > 0 OR COALESCE(reached.axes, 0) < %(axes)s
                OR (reached.axes IS NULL AND COALESCE(said.verdicts, 0) = 0) THEN {{not_judged}}
            WHEN reached.short > 0 THEN {{partly}}
            ELSE {{aligned}} END,
        CASE WHEN response.status <> {{excluded}} THEN revision.id END,
        %(by)s, %(now)s
    FROM {{response}} response
    LEFT JOIN (
        SELECT response.id AS response_id, decision.id AS decision_id FROM {_DECIDED}
        WHERE response.stage_id = %(stage)s
    ) decided ON decided.response_id = response.id
    LEFT JOIN {{revision}} revision ON revision.response_id = response.id AND revision.superseded_at IS NULL
    LEFT JOIN (
        SELECT scores.response_id, COUNT(*) AS axes,
            SUM(CASE WHEN scores.value <= axis_rule.misaligned_cut THEN 1 ELSE 0 END) AS too_low,
            SUM(CASE WHEN scores.value < axis_rule.aligned_cut THEN 1 ELSE 0 END) AS short
        FROM consensus_score scores
        JOIN {{axis_rule}} axis_rule ON axis_rule.axis_id = scores.axis_id AND axis_rule.policy_id = %(policy)s
        GROUP BY scores.response_id
    ) reached ON reached.response_id = response.id
    LEFT JOIN (
        SELECT labels.response_id,
            SUM(CASE WHEN answer.adverse THEN 1 ELSE 0 END) AS adverse,
            SUM(CASE WHEN NOT answer.abstains THEN 1 ELSE 0 END) AS verdicts,
            SUM(CASE WHEN NOT answer.abstains THEN 0 WHEN labels.label_set_id IN (
                SELECT label_set_id FROM {{label_value}} WHERE adverse
            ) THEN 1 ELSE 0 END) AS left_open
        FROM consensus_label labels LEFT JOIN {{label_value}} answer ON answer.id = labels.value_id
        GROUP BY labels.response_id
    ) said ON said.response_id = response.id
    WHERE response.stage_id = %(stage)s AND response.status IN ({{agreed}}, {{resolved}}, {{excluded}})
    ORDER BY response.id
"""

_INSERT_SCORES = """
    INSERT INTO {final_score} (owner_id, axis_id, value)
    SELECT final_label.id, scores.axis_id, scores.value
    FROM consensus_score scores JOIN {final_label} final_label ON final_label.response_id = scores.response_id
    ORDER BY final_label.id, scores.axis_id
"""

_INSERT_LABELS = """
    INSERT INTO {final_value} (owner_id, label_set_id, value_id)
    SELECT final_label.id, labels.label_set_id, labels.value_id
    FROM consensus_label labels JOIN {final_label} final_label ON final_label.response_id = labels.response_id
    WHERE labels.value_id IS NOT NULL
    ORDER BY final_label.id, labels.label_set_id
"""

_INSERT_PROVENANCE = """
    INSERT INTO {provenance} (finallabel_id, rating_id)
    SELECT final_label.id, rating.id
    FROM {response} response
    JOIN {final_label} final_label ON final_label.response_id = response.id
    JOIN {rating} rating ON rating.response_id = response.id AND rating.superseded_at IS NULL
    WHERE response.stage_id = %(stage)s
    ORDER BY final_label.id, rating.id
"""


_STATEMENTS = (
    _WORK_OUT_SCORES,
    _WORK_OUT_LABELS,
    _INSERT_FINAL_LABELS,
    _INSERT_SCORES,
    _INSERT_LABELS,
    _INSERT_PROVENANCE,
    "DROP TABLE consensus_score",
    "DROP TABLE consensus_label",
)


def write_final_labels(stage, *, by, now):
    """Write the final label of every agreed, resolved and excluded response of the stage, with its scores, its labels
    and the ratings that it rests on, inside the caller's transaction.

    Revisions that are accepted by then come with the labels.
    """
    policy = stage.policy
    names = _NAMES | {"averaged": _AVERAGED[policy.agreement_rule].format_map(_NAMES)}
    params = {
        "stage": stage.pk,
        "policy": policy.pk,
        "rule": policy.agreement_rule,
        "axes": policy.rules.count(),
        "by": by and by.pk,
        "now": FinalLabel._meta.get_field("created_at").get_db_prep_save(now, connection),
    }
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A hundred thousand responses are joined and sorted in memory, and not by way of files.
            cursor.execute("SET LOCAL work_mem = '128MB'")
        for statement in _STATEMENTS:
            cursor.execute(statement.format_map(names), params)
