"""Reasons as a code and its parameters: what was written before is told as it was."""

from django.db import migrations, models

JOBS = ["GenerationRun", "TrainingRun"]


def as_code(apps, schema_editor):
    for name in JOBS:
        for job in apps.get_model("training", name).objects.exclude(reason=""):
            job.reason_code, job.reason_params = "told", {"text": job.reason}
            job.save(update_fields=["reason_code", "reason_params"])


def as_text(apps, schema_editor):
    for name in JOBS:
        for job in apps.get_model("training", name).objects.exclude(reason_code=""):
            job.reason = job.reason_params.get("text", job.reason_code)
            job.save(update_fields=["reason"])


class Migration(migrations.Migration):
    dependencies = [("training", "0005_example_messages")]
    operations = [
        migrations.AddField("generationrun", "missed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("generationrun", "reason_code", models.CharField(blank=True, default="", max_length=60)),
        migrations.AddField("generationrun", "reason_params", models.JSONField(blank=True, default=dict)),
        migrations.AddField("trainingrun", "missed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("trainingrun", "reason_code", models.CharField(blank=True, default="", max_length=60)),
        migrations.AddField("trainingrun", "reason_params", models.JSONField(blank=True, default=dict)),
        migrations.RunPython(as_code, as_text),
        migrations.RemoveField("generationrun", "reason"),
        migrations.RemoveField("trainingrun", "reason"),
    ]
