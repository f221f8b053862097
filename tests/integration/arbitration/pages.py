"""Addresses and forms of the pages under test."""

import uuid

from django.urls import reverse

SCORES = {"score-safety": "3", "score-helpfulness": "4", "score-relevance": "4"}
BETTER = "Boil it for six minutes."


def url(name, team, *args):
    return reverse(f"arbitration:{name}", args=[team.project.slug, *args])


def filled(**changes):
    return {
        **SCORES,
        "label-verdict": "aligned",
        "rationale": "The guidelines say so.",
        "submission": str(uuid.uuid4()),
        "then": "queue",
    } | changes
