import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0004_rating_revised_index")]

    operations = [
        # Back in 0007, once every prompt has the digest of its conversation.
        migrations.RemoveConstraint(model_name="prompt", name="prompt_text_once"),
        migrations.RenameField(model_name="prompt", old_name="text_sha256", new_name="digest"),
        migrations.AddField(
            model_name="prompt",
            name="earlier_count",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="PromptMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                (
                    "role",
                    models.CharField(
                        choices=[("system", "System"), ("user", "User"), ("assistant", "Assistant")], max_length=9
                    ),
                ),
                ("text", models.TextField()),
                (
                    "prompt",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="earlier_messages",
                        to="annotation.prompt",
                    ),
                ),
            ],
            options={
                "ordering": ["prompt_id", "position"],
                "constraints": [
                    models.UniqueConstraint(fields=("prompt", "position"), name="prompt_message_position_once"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ("system", "user", "assistant"))),
                        name="prompt_message_role_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(models.Q(("role", "system"), _negated=True), ("position", 0), _connector="OR"),
                        name="prompt_message_system_first",
                    ),
                ],
            },
        ),
    ]
