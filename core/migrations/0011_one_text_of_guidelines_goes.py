from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0010_guidelines_in_versions")]

    operations = [migrations.RemoveField(model_name="project", name="guidelines")]
