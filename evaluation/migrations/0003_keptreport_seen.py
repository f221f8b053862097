from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evaluation", "0002_reasons_as_codes")]
    operations = [
        migrations.AddField("keptreport", "seen", models.CharField(blank=True, default="", max_length=64))
    ]
