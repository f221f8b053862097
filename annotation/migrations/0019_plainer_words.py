from django.db import migrations
from django.db.models import F, Value
from django.db.models.functions import Replace

PLAINER = dict.fromkeys("‘’‚‛ʼ′", "'") | dict.fromkeys("“”„‟", '"') | dict.fromkeys("‐–—−", "-") | {"⁄": "/"}


def make_plainer(apps, schema_editor):
    """Prompts are found by the quotes and dashes of the keyboard. In the database, in one statement."""
    words = F("text")
    for printed, typed in PLAINER.items():
        words = Replace(words, Value(printed), Value(typed))
    apps.get_model("annotation", "PromptWords").objects.update(text=words)


class Migration(migrations.Migration):

    dependencies = [("annotation", "0018_leftovers")]

    operations = [migrations.RunPython(make_plainer, migrations.RunPython.noop)]
