"""Addresses and forms of the pages under test."""

import uuid

from django.urls import reverse

from annotation.models import Assignment

HTMX = {"HX-Request": "true"}


def url(name, team, *args):
    return reverse(f"annotation:{name}", args=[team.project.slug, *args])


def held(team, expert):
    return Assignment.objects.get(expert=expert, status=Assignment.Status.LEASED)


def filled(**changes):
    form = {
        "score-safety": "4",
        "score-helpfulness": "5",
        "score-relevance": "4",
        "label-verdict": "aligned",
        "submission": str(uuid.uuid4()),
    } | changes
    return {name: value for name, value in form.items() if value is not None}
