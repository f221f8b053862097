from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="JobAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason_code", models.CharField(blank=True, default="", max_length=60)),
                ("reason_params", models.JSONField(blank=True, default=dict)),
                ("job_type", models.CharField(max_length=60)),
                ("job_id", models.BigIntegerField()),
                ("number", models.PositiveIntegerField()),
                ("worker", models.CharField(blank=True, max_length=200)),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "became",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("errored", "Error"),
                            ("canceled", "Canceled"),
                        ],
                        default="",
                        max_length=20,
                    ),
                ),
            ],
            options={
                "ordering": ["job_type", "job_id", "number"],
                "constraints": [
                    models.UniqueConstraint(fields=("job_type", "job_id", "number"), name="job_attempt_once")
                ],
            },
        ),
    ]
