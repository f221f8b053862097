import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0009_one_layout_of_answers"),
        ("core", "0004_stages_of_each_kind"),
    ]

    operations = [
        # Every response until now was given in a turn.
        migrations.AddField(
            model_name="response",
            name="stage_kind",
            field=models.CharField(default="turn", max_length=12),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="response",
            name="copy_of",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="copies",
                to="annotation.response",
            ),
        ),
        migrations.AddField(
            model_name="response",
            name="ratings_needed",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="response",
            index=models.Index(
                condition=Q(("ratings_needed__isnull", False)),
                fields=["stage", "ratings_needed"],
                name="response_own_k",
            ),
        ),
        migrations.AddConstraint(
            model_name="response",
            constraint=models.UniqueConstraint(
                condition=Q(("copy_of__isnull", False)),
                fields=("copy_of", "stage"),
                name="response_copied_once_per_stage",
            ),
        ),
        migrations.AddConstraint(
            model_name="response",
            constraint=models.CheckConstraint(
                condition=Q(("copy_of__isnull", True), ("stage_kind", "turn"))
                | Q(("copy_of__isnull", False), ("stage_kind__in", ["comparison", "calibration"])),
                name="response_copied_outside_turns_alone",
            ),
        ),
        migrations.AddConstraint(
            model_name="response",
            constraint=models.CheckConstraint(
                condition=Q(("ratings_needed__isnull", True)) | Q(("ratings_needed__gte", 1)),
                name="response_k_at_least_1",
            ),
        ),
    ]
