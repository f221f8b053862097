from django.db import migrations, models


def take_k_from_the_policy(apps, schema_editor):
    Stage, Policy = apps.get_model("core", "Stage"), apps.get_model("core", "Policy")
    k = Policy.objects.filter(pk=models.OuterRef("policy")).values("ratings_per_response")
    Stage.objects.update(ratings_per_response=models.Subquery(k))


class Migration(migrations.Migration):
    dependencies = [("core", "0002_session")]

    operations = [
        migrations.AddField(
            model_name="stage",
            name="kind",
            field=models.CharField(
                choices=[("turn", "Turn"), ("comparison", "Comparison"), ("calibration", "Calibration")],
                default="turn",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="stage",
            name="ratings_per_response",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.RunPython(take_k_from_the_policy, migrations.RunPython.noop),
    ]
