"""The look of the hand-out: what an expert holds in a stage, or else the open slots that they may take next.

Written as SQL, the same for PostgreSQL and SQLite: as one query of the ORM, with two anti-joins, the database would
sometimes plan for the whole stage. Here a page of the index is cut off first, and only its few rows are looked up.
"""

from dataclasses import dataclass, field

from django.db import connection
from django.db.models import F, FilteredRelation, Q

from annotation.models import Assignment, Draft, QueueCursor, Response
from core.compiled import Compiled, Given
from core.models import User

# How many responses an expert is offered at a time: enough that clients who ask at once rarely want the same
# slot, few enough that what is begun gets finished.
WINDOW = 8
SPACING = 20
"""Among so many of an expert's last items no prompt comes twice in a comparison, as long as another is there."""
KEPT = ("fields", "form", "turn", "updated_at")

_TAKEN = """
    EXISTS (SELECT 1 FROM annotation_involvement part
            WHERE part.response_id = page.response_id AND part.user_id = %(expert)s)
    OR EXISTS (SELECT 1 FROM annotation_assignment part
               WHERE part.response_id = page.response_id AND part.expert_id = %(expert)s)
"""
_PAGE = """
    SELECT id, response_id, slot, position FROM annotation_assignment
    WHERE stage_id = %(stage)s AND status = 'open' AND {where} ORDER BY position LIMIT %(size)s
"""
# What an expert rated, declined or began last, in whichever stage: the newest of each kind from its index.
_MET = f"""met AS MATERIALIZED (
    SELECT response.prompt_id, ROW_NUMBER() OVER (ORDER BY item.at DESC) AS ago FROM (
        SELECT response_id, MAX(at) AS at FROM (
            SELECT * FROM (SELECT response_id, submitted_at AS at FROM annotation_rating
                WHERE expert_id = %(expert)s ORDER BY submitted_at DESC LIMIT {SPACING}) rated
            UNION ALL SELECT * FROM (SELECT response_id, created_at FROM annotation_involvement
                WHERE user_id = %(expert)s AND part = 'declined' ORDER BY created_at DESC LIMIT {SPACING}) declined
            UNION ALL SELECT * FROM (SELECT response_id, updated_at FROM annotation_draft
                WHERE expert_id = %(expert)s ORDER BY updated_at DESC LIMIT {SPACING}) begun
        ) each_item GROUP BY response_id
    ) item JOIN annotation_response response ON response.id = item.response_id
    ORDER BY item.at DESC LIMIT {SPACING}
)"""
_AGO = """(SELECT MIN(met.ago) FROM met JOIN annotation_response answer ON answer.prompt_id = met.prompt_id
    WHERE answer.id = page.response_id)"""
_FIRST = f"""
WITH place AS (
    SELECT position, turn FROM annotation_queuecursor WHERE stage_id = %(stage)s AND expert_id = %(expert)s
), held AS (
    SELECT id, response_id, slot, position FROM annotation_assignment
    WHERE stage_id = %(stage)s AND expert_id = %(expert)s AND status = 'leased' ORDER BY leased_at, id LIMIT 1
), page AS ({_PAGE.format(where="position >= (SELECT position FROM place)")})
SELECT place.turn, place.position AS stood, found.* FROM place LEFT JOIN (
    SELECT held.*, 1 AS is_held, 0 AS taken, NULL AS ago FROM held
    UNION ALL SELECT page.*, 0, CASE WHEN {_TAKEN} THEN 1 ELSE 0 END, NULL FROM page
) found ON 1 = 1
"""
_FURTHER = f"""
WITH page AS ({_PAGE.format(where="position > %(after)s")})
SELECT page.*, 0, CASE WHEN {_TAKEN} THEN 1 ELSE 0 END, NULL FROM page
"""


def _reopened(further):
    return further.replace("AND position > ", "AND reopened_at IS NOT NULL AND position > ")


def _telling_when_met(sql):
    return sql.replace("WITH ", f"WITH {_MET}, ", 1).replace("END, NULL FROM", f"END, {_AGO} FROM")


# (the first page, those after it, those of reopened slots)
_ANY = (_FIRST, _FURTHER, _reopened(_FURTHER))
_SPACED = tuple(map(_telling_when_met, _ANY))


@dataclass
class Look:
    """`held`: the slot that the expert holds. Else `slots`: open ones of at most WINDOW responses, by position, and
    `reached`: where the cursor may move to, from the `turn` and position at which it `stood`."""

    turn: int
    stood: int
    held: Assignment | None = None
    slots: list = field(default_factory=list)
    reached: int = QueueCursor.END


@dataclass
class Ahead:
    """The open slots in which an expert has no part: `free` ones of the first WINDOW responses whose prompt is not
    among their last SPACING items, the `near` ones before these, and the position of the `first` of all."""

    free: list = field(default_factory=list)
    near: list = field(default_factory=list)
    first: int = QueueCursor.END


def look(stage, expert, *, spaced=False):
    """The Look of an expert at a stage; None for one who has no cursor there yet.

    `spaced`: no response whose prompt is among the expert's last SPACING items, or, where none other is left, that
    whose prompt they met the longest ago.
    """
    first, further, reopened = _SPACED if spaced else _ANY
    # Twice the window: of what lies ahead, the expert has usually had some already.
    size = 2 * WINDOW * max(stage.ratings_per_response, 2)
    given = {"stage": stage.pk, "expert": expert.pk, "size": size}
    rows = _rows(first, given)
    if not rows:
        return None
    found = Look(*rows[0][:2])
    page = [row[2:] for row in rows if row[2] is not None]
    held = [row for row in page if row[4]]
    if held:
        found.held = _slot(held[0], stage, Assignment.Status.LEASED, expert)
        return found
    ahead = _walk(page, further, given)
    found.reached, offered = ahead.first, ahead.free
    if not offered:
        again = _walk(_rows(reopened, given | {"after": -1}), reopened, given)
        offered = again.free or _met_longest_ago(ahead.near + again.near)
    found.slots = [_slot(row, stage, Assignment.Status.OPEN) for row in offered]
    return found


def look_into(slot, expert):
    """The response of a slot with its prompt, and as `kept` the expert's Draft of it (a blank one without).

    `asked` is the question with which a lead returned it to them, None where nobody did.
    """
    found = _looked_into(response=slot.response_id, expert=expert.pk)
    if not found:
        raise Response.DoesNotExist
    response = found[0]
    kept = {name: getattr(response, f"kept_{name}") for name in KEPT}
    response.kept = Draft(response=response, expert=expert, **kept) if kept["updated_at"] else Draft()
    return response


def _looking_into():
    mine = FilteredRelation("drafts", condition=Q(drafts__expert=Given("expert", User._meta.pk)))
    kept = {f"kept_{name}": F(f"mine__{name}") for name in KEPT}
    rows = Response.objects.select_related("prompt").annotate(mine=mine, **kept)
    rows = rows.annotate(asked=F("mine__returned__question")).order_by()
    return rows.filter(pk=Given("response", Response._meta.pk))


_looked_into = Compiled(_looking_into)


def _walk(page, further, given):
    """What is Ahead, up to the first page that has any free slot."""
    ahead = Ahead()
    page = sorted(page, key=lambda row: row[3])
    while page:
        theirs = [row for row in page if not row[5]]
        ahead.first = min([ahead.first, *(row[3] for row in theirs)])
        free = [row for row in theirs if row[6] is None]
        if free:
            offered = set(list(dict.fromkeys(row[1] for row in free))[:WINDOW])
            ahead.free = [row for row in free if row[1] in offered]
            break
        ahead.near += theirs
        page = _rows(further, given | {"after": page[-1][3]}) if len(page) == given["size"] else []
    return ahead


def _met_longest_ago(rows):
    """Those of the `rows` whose prompt the expert met the longest ago."""
    longest = max((row[6] for row in rows), default=None)
    return [row for row in rows if row[6] == longest]


def _rows(sql, given):
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return cursor.fetchall()


def _slot(row, stage, status, expert=None):
    # In the order of the model's own fields, as from_db wants them.
    known = dict(zip(("id", "response_id", "slot"), row, strict=False))
    known |= {"stage_id": stage.pk, "position": row[3], "status": status, "expert_id": expert and expert.pk}
    slot = Assignment.from_db(connection.alias, list(known), list(known.values()))
    slot.stage = stage  # known already: the audit event asks it for the project
    return slot
