"""Until now the end of a run opened the next stage: each stage that was followed so gets the promotion that it was."""

from django.db import migrations


def promote_what_went_on(apps, schema_editor):
    Stage = apps.get_model("core", "Stage")
    TrainingRun = apps.get_model("training", "TrainingRun")
    Promotion = apps.get_model("training", "Promotion")
    opened = {
        (stage.project_id, stage.number): stage
        for stage in Stage.objects.filter(number__gt=0, model_version__isnull=False)
    }
    for stage in Stage.objects.filter(status="complete"):
        following = opened.get((stage.project_id, stage.number + 1))
        if following is None:
            continue  # followed by a stage for imported responses: no model was chosen
        run = TrainingRun.objects.filter(model_version=following.model_version_id).first()
        Promotion.objects.get_or_create(
            stage=stage,
            defaults={
                "model_version_id": following.model_version_id,
                "run": run,
                "opened": following,
                "ground": "before",
                "promoted_by_id": run.created_by_id if run else None,
                "created_at": following.created_at,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("training", "0003_promotion")]

    operations = [migrations.RunPython(promote_what_went_on, migrations.RunPython.noop)]
