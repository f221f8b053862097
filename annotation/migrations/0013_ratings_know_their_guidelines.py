"""Every rating gets the version of the guidelines that stood when it was submitted; the first, where it is older."""

from django.db import migrations, transaction
from django.db.models import Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

BATCH = 10_000


def fill(apps, schema_editor):
    database = schema_editor.connection.alias
    ratings = apps.get_model("annotation", "Rating").objects.using(database)
    versions = apps.get_model("core", "Guidelines").objects.using(database)
    of_project = versions.filter(project__policies=OuterRef("policy"))
    then = of_project.filter(created_at__lte=OuterRef("submitted_at")).order_by("-version").values("pk")[:1]
    first = of_project.filter(version=1).values("pk")[:1]
    last = ratings.aggregate(last=Max("pk"))["last"] or 0
    for begin in range(0, last + 1, BATCH):
        with transaction.atomic(using=database):
            ratings.filter(pk__gt=begin, pk__lte=begin + BATCH, guidelines=None).update(
                guidelines=Coalesce(Subquery(then), Subquery(first))
            )


class Migration(migrations.Migration):
    # Batch by batch: cut off, it goes on with those that have none.
    atomic = False
    dependencies = [("annotation", "0012_rating_guidelines")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
