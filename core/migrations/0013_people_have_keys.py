"""Everybody gets the keys by which user names and e-mail addresses are compared.

Of two accounts that are the same but for their case, both stay: the later one's key has its id behind it.
"""

from django.db import migrations

from core.keys import person_key

LONGEST = 500


def fill(apps, schema_editor):
    people = apps.get_model("core", "User").objects.using(schema_editor.connection.alias)
    taken = set()
    for person in people.order_by("pk").only("pk", "username", "email").iterator():
        keys = {}
        for name in ("username", "email"):
            key = person_key(getattr(person, name))[:LONGEST]
            if (name, key) in taken and key:
                key = f"{key[: LONGEST - 20]}#{person.pk}"
            taken.add((name, key))
            keys[f"{name}_key"] = key
        people.filter(pk=person.pk).update(**keys)


class Migration(migrations.Migration):
    dependencies = [("core", "0012_people_and_projects")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
