from django.db import migrations, models

import core.models.people


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("core", "0011_one_text_of_guidelines_goes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Guess",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                ("since", models.DateTimeField(db_index=True)),
            ],
            options={"verbose_name_plural": "guesses"},
        ),
        migrations.AlterModelManagers(name="user", managers=[("objects", core.models.people.People())]),
        migrations.AddField("project", "archived_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("project", "deleted_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("user", "last_seen_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("user", "time_zone", models.CharField(blank=True, default="", max_length=60)),
        migrations.AddField(
            "user",
            "username_key",
            core.models.people.KeyField(default="", max_length=500, of="username"),
            preserve_default=False,
        ),
        migrations.AddField(
            "user",
            "email_key",
            core.models.people.KeyField(blank=True, default="", max_length=500, of="email"),
        ),
        migrations.AddIndex(
            "auditevent", models.Index(fields=["project", "actor", "-id"], name="audit_by_person")
        ),
        migrations.AddIndex(
            "auditevent", models.Index(fields=["project", "target_type", "-id"], name="audit_by_kind")
        ),
        migrations.AddIndex("auditevent", models.Index(fields=["project", "created_at"], name="audit_by_day")),
    ]
