"""What is left of a deleted project goes away: its files, its rows in portions, and at last the project itself.

Rooms say what of theirs is no row that leads to the project: see `hindrances` and `clearing`. Every table whose rows
lead to a project by foreign keys is found by itself.
"""

from graphlib import TopologicalSorter

from django.apps import apps
from django.db import transaction
from django.db.models import Max, Min

from core.models import Project

PORTION = 5_000

hindrances = []
"""Functions of the rooms: of a project, the sentences that say why it cannot be archived or deleted just now."""
clearing = []
"""Functions of the rooms: remove of a deleted project what is no row or leads not to it. They may be asked twice."""


def hindrances_of(project):
    return [sentence for look in hindrances for sentence in look(project)]


def path_to_project(model):
    """The lookup from a model to its project, "response__stage__project"; None where none leads there.

    The shortest of foreign keys that are always set, else the shortest.
    """
    return _shortest(model, nullable=False) or _shortest(model, nullable=True)


def _shortest(model, *, nullable):
    reached, paths = {model}, [(model, "")]
    for here, path in paths:
        for field in _foreign_keys(here):
            if field.null and not nullable:
                continue
            step = f"{path}{field.name}"
            if field.related_model is Project:
                return step
            if field.related_model not in reached:
                reached.add(field.related_model)
                paths.append((field.related_model, f"{step}__"))
    return None


def _foreign_keys(model):
    return [field for field in model._meta.concrete_fields if field.many_to_one or field.one_to_one]


def tables_of_projects():
    """[(model, its lookup to the project)] of all rows of projects, those that point at others before these."""
    paths = {model: path_to_project(model) for model in apps.get_models(include_auto_created=True)}
    paths = {model: path for model, path in paths.items() if path and model is not Project}
    # What is pointed at waits for what points at it.
    graph = {model: set() for model in paths}
    for model in paths:
        for field in _foreign_keys(model):
            if field.related_model in graph and field.related_model is not model:
                graph[field.related_model].add(model)
    return [(model, paths[model]) for model in TopologicalSorter(graph).static_order()]


def remove_deleted():
    """Remove what is left of deleted projects, unless a job of theirs is still at work. Returns how many went."""
    removed = 0
    for project in Project.objects.exclude(deleted_at=None).order_by("pk"):
        if hindrances_of(project):
            continue
        for clear in clearing:
            clear(project)
        for model, path in tables_of_projects():
            _remove_rows(model, path, project)
        project.delete()
        removed += 1
    return removed


def _remove_rows(model, path, project):
    """Remove the project's rows of a table, the latest first: within a table rows point at earlier ones."""
    rows = model._base_manager.filter(**{path: project})
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["last"] is None:
        return
    for last in range(ends["last"], ends["first"] - 1, -PORTION):
        with transaction.atomic():
            rows.filter(pk__gt=last - PORTION, pk__lte=last)._raw_delete(rows.db)
