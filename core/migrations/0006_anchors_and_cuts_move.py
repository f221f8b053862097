"""Anchors become rows of their axis, and the cuts of a policy those of each of its axes."""

from django.db import migrations
from django.db.models import OuterRef, Subquery

SCORES = range(1, 6)


def move(apps, schema_editor):
    database = schema_editor.connection.alias
    axes = apps.get_model("core", "Axis").objects.using(database)
    anchors = apps.get_model("core", "AxisAnchor")
    anchors.objects.using(database).bulk_create(
        [
            anchors(axis_id=axis["pk"], score=score, text=axis[f"anchor_{score}"])
            for axis in axes.order_by("pk").values("pk", *(f"anchor_{score}" for score in SCORES))
            for score in SCORES
            if axis[f"anchor_{score}"]
        ],
        batch_size=1000,
    )
    policy = apps.get_model("core", "Policy").objects.using(database).filter(pk=OuterRef("policy"))
    apps.get_model("core", "AxisRule").objects.using(database).update(
        aligned_cut=Subquery(policy.values("aligned_cut")[:1]),
        misaligned_cut=Subquery(policy.values("misaligned_cut")[:1]),
    )


def move_back(apps, schema_editor):
    database = schema_editor.connection.alias
    axes = apps.get_model("core", "Axis").objects.using(database)
    anchors = apps.get_model("core", "AxisAnchor").objects.using(database)
    for anchor in anchors.filter(score__in=SCORES):
        axes.filter(pk=anchor.axis_id).update(**{f"anchor_{anchor.score}": anchor.text})
    anchors.all().delete()
    policies = apps.get_model("core", "Policy").objects.using(database)
    for rule in apps.get_model("core", "AxisRule").objects.using(database).all():
        policies.filter(pk=rule.policy_id).update(aligned_cut=rule.aligned_cut, misaligned_cut=rule.misaligned_cut)


class Migration(migrations.Migration):
    dependencies = [("core", "0005_axis_ranges")]

    operations = [migrations.RunPython(move, move_back)]
