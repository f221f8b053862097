from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0006_reasons_as_codes")]

    operations = [
        # Every training set until now is of a turn.
        migrations.AddField(
            model_name="trainingset",
            name="stage_kind",
            field=models.CharField(default="turn", max_length=12),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="trainingset",
            constraint=models.CheckConstraint(
                condition=models.Q(("stage_kind", "turn")), name="training_set_of_a_turn"
            ),
        ),
    ]
