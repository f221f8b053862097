"""Rows written without an object for each, a hundred thousand at once or a few very often; and found by many keys."""

import json

from django.db import connection
from django.db.models import Lookup


class Among(Lookup):
    """For `filter`: whether a whole number, `F("owner_id")`, is one of a list, which is handed over as one value.

    With `owner__in=` Django would prepare and name each of them, which takes longer than to find their rows.
    """

    prepare_rhs = False

    def as_sql(self, compiler, connection):
        of, params = self.process_lhs(compiler, connection)
        return f"{of} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(self.rhs)]

    def as_postgresql(self, compiler, connection):
        of, params = self.process_lhs(compiler, connection)
        # Of a list that it sees only as it runs, PostgreSQL expects little and goes by the index. Where it knows the
        # length, it may read the whole table or start workers instead, which takes ten times as long.
        return f"{of} = ANY(ARRAY(SELECT unnest(%s::bigint[])))", [*params, self.rhs]


def insert_rows(model, names, rows, **same):
    """Insert `rows`, tuples of plain values for the fields `names`, in one statement; those of `same` are one for all.

    Several times as quick as bulk_create, which makes an object of every row. Values are numbers, texts and None, as
    drivers take them; those of `same` may be anything the field takes. Primary keys are not returned.
    """
    rows = list(rows)
    if not rows:
        return
    fields = [model._meta.get_field(name) for name in (*names, *same)]
    constant = tuple(
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields[len(names) :], same.values(), strict=True)
    )
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    into = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES "
    place = f"({', '.join(['%s'] * len(fields))})"
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.executemany(into + place, [row + constant for row in rows])
        else:
            values = [value for row in rows for value in row + constant]
            cursor.execute(into + ", ".join([place] * len(rows)), values)
