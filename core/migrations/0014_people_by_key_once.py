from django.db import migrations, models

import core.models.people


class Migration(migrations.Migration):
    dependencies = [("core", "0013_people_have_keys")]

    operations = [
        migrations.AlterField(
            "user", "username_key", core.models.people.KeyField(max_length=500, of="username", unique=True)
        ),
        migrations.AddConstraint(
            "user",
            models.UniqueConstraint(
                condition=models.Q(("email_key", ""), _negated=True), fields=("email_key",), name="user_email_once"
            ),
        ),
    ]
