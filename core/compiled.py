"""Queries of the ORM that are the same every time but for their values: turned into SQL once by each process.

For the path that experts walk all day; there, building the statement took several times as long as the database.
"""

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Value
from django.db.models.query import get_related_populators

LARGEST = 2**63 - 1


class Given(Value):
    """A value that a compiled query takes each time it runs: by this name, prepared as `field` wants it."""

    def __init__(self, name, field):
        super().__init__(name, output_field=field)

    def as_sql(self, compiler, connection):
        return "%s", [self]


class Compiled:
    """What `make()` gives, a queryset of whole rows or of those it selects along, with `Given` where values differ.

    Called with the values by name, it returns the list that the queryset would have. Nothing is prefetched; one that
    locks its rows is for callers in a transaction.
    """

    def __init__(self, make):
        self._make = make
        self._plan = None

    def __call__(self, **given):
        plan = self._plan = self._plan or _Plan(self._make())
        return plan.run(given)


class _Plan:
    def __init__(self, queryset):
        self._compiler = compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql, self._params = compiler.as_sql()
        columns = [column for column, *_ in compiler.select]
        own = compiler.klass_info["select_fields"]
        self._own = slice(own[0], own[-1] + 1)
        self._names = [column.target.attname for column in columns[self._own]]
        self._converters = compiler.get_converters(columns)
        self._related = get_related_populators(compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS)

    def run(self, given):
        # As the ORM has it: no row has a key that the database cannot hold.
        if any(isinstance(value, int) and value > LARGEST for value in given.values()):
            return []
        params = [_prepared(each, given) if isinstance(each, Given) else each for each in self._params]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, params)
            rows = cursor.fetchall()
        return [self._row(values) for values in self._compiler.apply_converters(rows, self._converters)]

    def _row(self, values):
        row = self._compiler.klass_info["model"].from_db(DEFAULT_DB_ALIAS, self._names, values[self._own])
        for related in self._related:
            related.populate(values, row)
        for name, place in self._compiler.annotation_col_map.items():
            setattr(row, name, values[place])
        return row


def _prepared(given, values):
    return given.output_field.get_db_prep_value(values[given.value], connection)
