import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0011_current_ratings"), ("core", "0011_one_text_of_guidelines_goes")]

    operations = [
        migrations.AddField(
            model_name="rating",
            name="guidelines",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ratings",
                to="core.guidelines",
            ),
        ),
    ]
