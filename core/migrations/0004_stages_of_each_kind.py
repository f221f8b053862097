from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0003_stage_kinds")]

    operations = [
        migrations.AlterField(
            model_name="stage", name="ratings_per_response", field=models.PositiveSmallIntegerField()
        ),
        migrations.AlterModelOptions(name="stage", options={"ordering": ["project", "kind", "number"]}),
        migrations.RemoveConstraint(model_name="stage", name="stage_number_once"),
        migrations.RemoveConstraint(model_name="stage", name="stage_one_open_per_project"),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.UniqueConstraint(
                fields=("project", "kind", "number"), name="stage_number_once_per_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["responding", "rating"])),
                fields=("project", "kind"),
                name="stage_one_open_of_each_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.CheckConstraint(
                condition=models.Q(("ratings_per_response__gte", 1)), name="stage_k_at_least_1"
            ),
        ),
    ]
