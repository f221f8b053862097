"""`python -m tests.yesterday.forward FIXTURE FOUND.json`: lay a fixture into an empty database and migrate it forward.

In a process of its own, for the database that DATABASE_URL names and files in CONCORD_VAR. What then stands goes to
FOUND.json in the words of the fixture's "expected"; then the loop goes on from there (go_on.py), and what that brings
stands under "went_on".
"""

import gzip
import io
import json
import sys
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

BATCH = 200


def main(fixture, found):
    # Models can be imported only once Django is set up, which the last lines do.
    from tests.yesterday.go_on import go_on

    fixture = read(fixture)
    lay_down(fixture)
    call_command("migrate", verbosity=0)
    connection.check_constraints()
    result = look(fixture["expected"])
    result["went_on"] = go_on(fixture["clock"])
    connection.check_constraints()
    Path(found).write_text(json.dumps(result))


def read(path):
    return json.loads(gzip.decompress(Path(path).read_bytes()))


def lay_down(fixture):
    """The fixture's rows and files, under the migrations they were written under."""
    executor = MigrationExecutor(connection)
    leaves = [tuple(leaf) for leaf in fixture["migrations"]]
    state = executor.migrate(leaves)
    models = [(state.apps.get_model(label), table) for label, table in fixture["tables"].items()]
    # References are looked at when the transaction ends, so the tables may come in any order.
    with transaction.atomic():
        for model, table in models:
            fields = [model._meta.get_field(name) for name in table["columns"]]
            rows = [
                model(
                    **{field.attname: _value(field, value) for field, value in zip(fields, row, strict=True)}
                )
                for row in table["rows"]
            ]
            model._base_manager.bulk_create(rows, batch_size=BATCH)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [model for model, _ in models]):
            cursor.execute(statement)
    for name, text in fixture["files"].items():
        default_storage.save(name, ContentFile(text.encode()))


def look(expected):
    """What stands now, in the form of `expected`; and what Django says of the schema."""
    from tests.yesterday import now

    changes = io.StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=changes)
    except SystemExit:
        pass  # its way to say that something is missing; the test shows the words
    return {
        "counts": now.counts(expected["counts"]),
        "answers": now.answers(),
        "training_sets": now.training_sets(),
        "reports": now.reports(),
        "records": now.records(),
        "missing_migrations": changes.getvalue().strip(),
    }


def _value(field, value):
    # A foreign key's column takes the value of the key it names.
    return field.target_field.to_python(value) if field.is_relation else field.to_python(value)


if __name__ == "__main__":
    import django

    django.setup()
    main(*sys.argv[1:])
