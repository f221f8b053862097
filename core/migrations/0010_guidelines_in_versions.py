"""The guidelines of each project become versions: the former ones from its audit trail, which kept every text that was
replaced, with the moment and the person; the last one from the project itself."""

from django.db import migrations


def move(apps, schema_editor):
    database = schema_editor.connection.alias
    projects = apps.get_model("core", "Project").objects.using(database)
    events = apps.get_model("core", "AuditEvent").objects.using(database)
    versions = apps.get_model("core", "Guidelines")
    for project in projects.order_by("pk"):
        saved = events.filter(target_type="project", target_id=project.pk, verb="project:guidelines").order_by("pk")
        saved = list(saved.values_list("detail", "created_at", "actor"))
        texts = [*(detail for detail, *_ in saved), project.guidelines]
        since = [(project.created_at, project.created_by_id), *((at, actor) for _, at, actor in saved)]
        versions.objects.using(database).bulk_create(
            versions(project=project, version=number, text=text, created_at=at, created_by_id=actor)
            for number, (text, (at, actor)) in enumerate(zip(texts, since, strict=True), start=1)
        )
        projects.filter(pk=project.pk).update(guidelines_version=len(texts))


def move_back(apps, schema_editor):
    database = schema_editor.connection.alias
    projects = apps.get_model("core", "Project").objects.using(database)
    versions = apps.get_model("core", "Guidelines").objects.using(database)
    for project in projects.order_by("pk"):
        newest = versions.get(project=project, version=project.guidelines_version)
        projects.filter(pk=project.pk).update(guidelines=newest.text)
    versions.all().delete()


class Migration(migrations.Migration):
    dependencies = [("core", "0009_guidelines")]

    operations = [migrations.RunPython(move, move_back)]
