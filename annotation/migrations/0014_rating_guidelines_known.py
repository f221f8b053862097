import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotation", "0013_ratings_know_their_guidelines")]

    operations = [
        migrations.AlterField(
            model_name="rating",
            name="guidelines",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ratings",
                to="core.guidelines",
            ),
        ),
    ]
