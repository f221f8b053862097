import django.db.models.deletion
from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase
from django.db import migrations, models

BATCH = 1000


def keep_everybody_signed_in(apps, schema_editor):
    """Take over the sessions of Django's own table, each with the person that it names."""
    old, new = apps.get_model("sessions", "Session"), apps.get_model("core", "Session")
    people = set(apps.get_model("core", "User").objects.values_list("pk", flat=True))
    store = type("SessionStore", (SessionBase,), {})()  # the name is part of the signature's salt
    taken = []
    for row in old.objects.iterator(chunk_size=BATCH):
        named = str(store.decode(row.session_data).get(auth.SESSION_KEY, ""))
        user = int(named) if named.isdecimal() and int(named) in people else None
        taken.append(
            new(
                session_key=row.session_key,
                session_data=row.session_data,
                expire_date=row.expire_date,
                user_id=user,
            )
        )
        if len(taken) == BATCH:
            new.objects.bulk_create(taken)
            taken = []
    new.objects.bulk_create(taken)
    old.objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial"), ("sessions", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    models.CharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session key"
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "session", "verbose_name_plural": "sessions", "abstract": False},
        ),
        migrations.RunPython(keep_everybody_signed_in, migrations.RunPython.noop),
    ]
