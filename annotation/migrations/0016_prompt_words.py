"""Every prompt gets the words by which a search finds it, in the form in which they are compared."""

import django.db.models.deletion
from django.db import migrations, models

from core.texts import folded

BATCH = 1000


def write(apps, schema_editor):
    database = schema_editor.connection.alias
    prompts, messages, tags, words = (
        apps.get_model("annotation", name).objects.using(database)
        for name in ("Prompt", "PromptMessage", "PromptTag", "PromptWords")
    )
    last = 0
    while batch := list(
        prompts.filter(pk__gt=last).order_by("pk").values_list("pk", "project", "external_id", "text")[:BATCH]
    ):
        last, keys = batch[-1][0], [pk for pk, *_ in batch]
        said = {pk: [name] for pk, _, name, _ in batch}
        for pk, text in messages.filter(prompt__in=keys).order_by("prompt", "position").values_list("prompt", "text"):
            said[pk].append(text)
        for pk, _, _, text in batch:
            said[pk].append(text)
        for pk, tag in tags.filter(prompt__in=keys).order_by("prompt", "name").values_list("prompt", "name"):
            said[pk].append(tag)
        words.bulk_create(
            [
                words.model(prompt_id=pk, project_id=project, text="\n".join(map(folded, said[pk])))
                for pk, project, *_ in batch
            ],
            ignore_conflicts=True,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0015_drafts_of_forms"),
        ("core", "0008_audit_params"),
    ]

    operations = [
        migrations.CreateModel(
            name="PromptWords",
            fields=[
                ("prompt", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="words", serialize=False, to="annotation.prompt")),
                ("text", models.TextField()),
                ("project", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="core.project")),
            ],
            options={
                "indexes": [models.Index(fields=["project", "prompt"], name="words_of_project")],
            },
        ),
        migrations.RunPython(write, migrations.RunPython.noop),
    ]
