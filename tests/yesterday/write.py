"""`python -m tests.yesterday.write FILE.json.gz`: write a database of this revision down as a fixture.

Runs at the revision it was written for alone (`REVISION`), with its models, use cases and workers' code; elsewhere it
is kept to be read. To write a later fixture, bring it and story.py up to that later revision and write another file
there: fixtures are kept, never rewritten.

What the fixture holds: the leaf migrations it was written under, all rows of all our tables, the training sets' files,
and under "expected" what now.py reads from them. Clock and seeds stand still; what the trainer measures (seconds)
differs from one writing to the next.
"""

import base64
import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

REVISION = "6474dbc"
OURS = ("core", "annotation", "arbitration", "training", "evaluation")
LARGEST = 300_000


def main(target):
    with tempfile.TemporaryDirectory(prefix="concord-fixture-") as folder:
        os.environ.update(
            CONCORD_VAR=f"{folder}/var",
            DATABASE_URL=f"sqlite:///{folder}/var/concord.sqlite3",
            REDIS_URL="",
            CONCORD_BASE_MODEL=f"{folder}/tiny-model",
            DJANGO_SETTINGS_MODULE="tests.settings",
        )
        import django

        django.setup()
        text = json.dumps(written(Path(folder)), ensure_ascii=False, sort_keys=True, default=_plain)
        # The database must not tell on which machine it was made.
        content = gzip.compress(text.replace(folder, "/srv/concord").encode(), mtime=0)
    assert len(content) < LARGEST, f"{len(content)} bytes are too many for a fixture."
    Path(target).write_bytes(content)


def written(folder):
    from django.apps import apps
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    from core.models import User
    from tests.yesterday import now
    from tests.yesterday.story import BEGIN, Story

    call_command("migrate", verbosity=0)
    build_model(folder / "tiny-model")
    story = Story(folder)
    story.tell()
    # What is drawn by chance, and what names this machine.
    User.objects.update(password="!", date_joined=BEGIN)
    for name in ("training.GenerationRun", "training.TrainingRun", "evaluation.ScoringRun"):
        apps.get_model(name).objects.exclude(worker="").update(worker="worker:1")
    tables = {
        model._meta.label: dumped(model)
        for app in OURS
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
    }
    return {
        "revision": REVISION,
        "clock": story.clock(),
        "migrations": sorted(MigrationLoader(connection).graph.leaf_nodes()),
        "tables": tables,
        "files": files(folder / "var" / "artifacts"),
        "expected": {
            "counts": now.counts(apps.get_model(label)._meta.db_table for label in tables),
            "answers": now.answers(),
            "training_sets": now.training_sets(),
            "reports": now.reports(),
        },
    }


def build_model(folder):
    """The tests' tiny model, taught to end about as often as to go on: some answers are cut off, others are not."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    from tests.tiny_model import build_tiny_model

    build_tiny_model(folder)
    model = LlamaForCausalLM.from_pretrained(folder)
    model.lm_head.weight.data[AutoTokenizer.from_pretrained(folder).eos_token_id, 0] = 2.0
    model.save_pretrained(folder)


def dumped(model):
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    return {"columns": names, "rows": list(map(list, model._base_manager.order_by("pk").values_list(*names)))}


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted((folder / "training-sets").iterdir())
    }


def _plain(value):
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


if __name__ == "__main__":
    main(sys.argv[1])
