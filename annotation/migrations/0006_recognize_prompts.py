"""Every prompt gets the digest by which conversations are recognized.

Of two prompts of a project that now are the same, both stay. The first keeps the digest, so that another import of
either is recognized; a later one gets a digest of its own, made from its id.
"""

import hashlib

from django.db import migrations, transaction

from core.texts import recognized

BATCH = 1000


def recognize(apps, schema_editor):
    database = schema_editor.connection.alias
    rows = apps.get_model("annotation", "Prompt").objects.using(database)
    for project in apps.get_model("core", "Project").objects.using(database).order_by("pk").values_list("pk", flat=True):
        seen = set()
        for batch in _batches(rows.filter(project=project)):
            changed = []
            for prompt in batch:
                digest = hashlib.sha256(recognized(prompt.text).encode())
                if digest.digest() in seen:
                    digest = hashlib.sha256(f"\0{digest.hexdigest()}\0{prompt.external_id}".encode())
                seen.add(digest.digest())
                if prompt.digest != digest.hexdigest():
                    prompt.digest = digest.hexdigest()
                    changed.append(prompt)
            with transaction.atomic(using=database):
                rows.bulk_update(changed, ["digest"], batch_size=BATCH // 4)


def _batches(rows):
    """All rows in the order of their position, at most BATCH in memory."""
    last = -1
    while batch := list(
        rows.filter(position__gt=last).order_by("position").only("pk", "external_id", "position", "text", "digest")[:BATCH]
    ):
        yield batch
        last = batch[-1].position


class Migration(migrations.Migration):
    # Batch by batch: cut off, it begins again and gives every prompt the same digest.
    atomic = False
    dependencies = [("annotation", "0005_conversations")]

    operations = [migrations.RunPython(recognize, migrations.RunPython.noop, elidable=False)]
