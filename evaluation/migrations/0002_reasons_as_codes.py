"""Reasons as a code and its parameters: what was written before is told as it was."""

from django.db import migrations, models

JOBS = ["ScoringRun"]


def as_code(apps, schema_editor):
    for name in JOBS:
        for job in apps.get_model("evaluation", name).objects.exclude(reason=""):
            job.reason_code, job.reason_params = "told", {"text": job.reason}
            job.save(update_fields=["reason_code", "reason_params"])


def as_text(apps, schema_editor):
    for name in JOBS:
        for job in apps.get_model("evaluation", name).objects.exclude(reason_code=""):
            job.reason = job.reason_params.get("text", job.reason_code)
            job.save(update_fields=["reason"])


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0001_initial")]
    operations = [
        migrations.AddField("scoringrun", "missed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("scoringrun", "reason_code", models.CharField(blank=True, default="", max_length=60)),
        migrations.AddField("scoringrun", "reason_params", models.JSONField(blank=True, default=dict)),
        migrations.AddField("scoringrun", "fruitless", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("scoringrun", "log_tail", models.TextField(blank=True)),
        migrations.RunPython(as_code, as_text),
        migrations.RemoveField("scoringrun", "reason"),
    ]
