from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0006_recognize_prompts")]

    operations = [
        migrations.AddConstraint(
            model_name="prompt",
            constraint=models.UniqueConstraint(fields=("project", "digest"), name="prompt_conversation_once"),
        ),
    ]
