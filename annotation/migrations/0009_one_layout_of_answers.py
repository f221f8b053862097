import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from annotation.migrations import _layout

PROTECT = django.db.models.deletion.PROTECT


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0008_cursor_turn"),
        ("core", "0002_session"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        *_layout.scores(
            "annotation", "ratingscore", "rating", "annotation.rating",
            once="score_once_per_axis", check="score_from_1_to_5",
        ),
        *_layout.labels("annotation", "ratinglabel", "rating", "annotation.rating", once="label_once_per_set"),
        migrations.CreateModel(
            name="ReferenceLabel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(on_delete=PROTECT, related_name="reference_labels", to="core.policy"),
                ),
                (
                    "response",
                    models.OneToOneField(
                        on_delete=PROTECT, related_name="reference_label", to="annotation.response"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReferenceScore",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("value", models.PositiveSmallIntegerField()),
                (
                    "axis",
                    models.ForeignKey(db_index=False, on_delete=PROTECT, related_name="+", to="core.axis"),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False, on_delete=PROTECT, related_name="scores", to="annotation.referencelabel"
                    ),
                ),
            ],
            options={
                "ordering": ["owner_id", "axis__position"],
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "axis"), name="referencescore_once"),
                    models.CheckConstraint(condition=_layout.BOUNDS, name="referencescore_in_bounds"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReferenceLabelValue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "label_set",
                    models.ForeignKey(db_index=False, on_delete=PROTECT, related_name="+", to="core.labelset"),
                ),
                (
                    "value",
                    models.ForeignKey(db_index=False, on_delete=PROTECT, related_name="+", to="core.labelvalue"),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False, on_delete=PROTECT, related_name="labels", to="annotation.referencelabel"
                    ),
                ),
            ],
            options={
                "ordering": ["owner_id", "label_set__position"],
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "label_set"), name="referencelabelvalue_once"),
                ],
            },
        ),
    ]
