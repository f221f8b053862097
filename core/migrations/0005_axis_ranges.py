import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("core", "0004_stages_of_each_kind")]

    operations = [
        migrations.AddField("axis", "lowest", models.PositiveSmallIntegerField(default=1)),
        migrations.AddField("axis", "highest", models.PositiveSmallIntegerField(default=5)),
        migrations.AddConstraint(
            "axis",
            models.CheckConstraint(
                condition=Q(("lowest__gte", 0), ("lowest__lt", F("highest")), ("highest__lte", 100)),
                name="axis_range_in_bounds",
            ),
        ),
        migrations.CreateModel(
            name="AxisAnchor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("score", models.PositiveSmallIntegerField()),
                ("text", models.CharField(max_length=200)),
                (
                    "axis",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="anchor_rows",
                        to="core.axis",
                    ),
                ),
            ],
            options={
                "ordering": ["axis_id", "score"],
                "constraints": [models.UniqueConstraint(fields=("axis", "score"), name="axis_anchor_once")],
            },
        ),
        migrations.RenameModel("AxisTolerance", "AxisRule"),
        migrations.AlterField(
            "axisrule",
            "axis",
            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="rules", to="core.axis"),
        ),
        migrations.AlterField(
            "axisrule",
            "policy",
            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="rules", to="core.policy"),
        ),
        migrations.RemoveConstraint("axisrule", "tolerance_once"),
        migrations.RemoveConstraint("axisrule", "tolerance_within_the_scale"),
        migrations.AddField("axisrule", "aligned_cut", models.PositiveSmallIntegerField(default=4)),
        migrations.AddField("axisrule", "misaligned_cut", models.PositiveSmallIntegerField(default=2)),
        migrations.AddConstraint(
            "axisrule", models.UniqueConstraint(fields=("policy", "axis"), name="rule_once_per_axis")
        ),
        migrations.AddConstraint(
            "axisrule", models.CheckConstraint(condition=Q(("tau__lte", 100)), name="rule_tau_in_bounds")
        ),
        migrations.AddConstraint(
            "axisrule",
            models.CheckConstraint(
                condition=Q(
                    ("misaligned_cut__gte", 0), ("misaligned_cut__lt", F("aligned_cut")), ("aligned_cut__lte", 100)
                ),
                name="rule_cuts_ordered",
            ),
        ),
    ]
