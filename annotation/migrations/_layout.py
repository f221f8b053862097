"""Operations that give a table of scores or labels the one layout of answers, without copying or indexing its rows again.

Django's own RenameField would check every foreign key anew, and a unique constraint of another name would be built anew:
on PostgreSQL that holds a table of millions of rows for a long time. Both databases rename in place.
"""

from django.db import migrations, models
from django.db.models import PROTECT, Q

BOUNDS = Q(("value__gte", 0), ("value__lte", 100))


def scores(app, model, owner, to, *, once, check):
    """For a table of scores. `owner`: what the column was called; `once`, `check`: what its constraints were."""
    axis = {"axis": models.ForeignKey("core.axis", PROTECT, db_index=False, related_name="+")}
    new_check = models.CheckConstraint(condition=BOUNDS, name=f"{model}_in_bounds")
    return [
        _rename(app, model, owner, to, "scores", once, ("owner", "axis"), axis),
        migrations.RemoveConstraint(model, check),
        migrations.AddConstraint(model, new_check),
    ]


def labels(app, model, owner, to, *, once):
    """For a table of labels, as `scores`."""
    fields = {
        "label_set": models.ForeignKey("core.labelset", PROTECT, db_index=False, related_name="+"),
        "value": models.ForeignKey("core.labelvalue", PROTECT, db_index=False, related_name="+"),
    }
    return [_rename(app, model, owner, to, "labels", once, ("owner", "label_set"), fields)]


def _rename(app, model, owner, to, relation, once, unique, fields):
    table, new_once = f"{app}_{model}", f"{model}_once"
    owner_field = models.ForeignKey(to, PROTECT, db_index=False, related_name=relation)
    place = "axis__position" if relation == "scores" else "label_set__position"

    def forwards(apps, schema_editor):
        _drop_plain_indexes(schema_editor, table)
        _rename_in_place(schema_editor, table, f"{owner}_id", "owner_id", once, new_once)

    def backwards(apps, schema_editor):
        _rename_in_place(schema_editor, table, "owner_id", f"{owner}_id", new_once, once)

    return migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RunPython(forwards, backwards)],
        state_operations=[
            migrations.RemoveConstraint(model, once),
            migrations.AlterModelOptions(model, {"ordering": ["owner_id", place]}),
            migrations.RenameField(model, owner, "owner"),
            migrations.AlterField(model, "owner", owner_field),
            *(migrations.AlterField(model, name, field) for name, field in fields.items()),
            migrations.AddConstraint(model, models.UniqueConstraint(fields=unique, name=new_once)),
        ],
    )


def _rename_in_place(schema_editor, table, column, new_column, constraint, new_constraint):
    schema_editor.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO {new_column}")
    if schema_editor.connection.vendor == "postgresql":  # SQLite's are unnamed to Django
        schema_editor.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {constraint} TO {new_constraint}")


def _drop_plain_indexes(schema_editor, table):
    """Drop the indexes of single foreign keys: nobody searches by an axis, and the unique constraint begins with the owner."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    for name, constraint in found.items():
        if constraint["index"] and not constraint["unique"] and not constraint["primary_key"]:
            schema_editor.execute(f'DROP INDEX "{name}"')
