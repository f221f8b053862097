"""The stored copy of a project's report, so that its page answers at once at any size.

A worker makes it after the labels of a stage are final or its cosines complete. It is true only while `fingerprint`
is that of the project; whoever finds it outdated computes the report or waits, and never shows the old one as new.

What computes and draws (statsmodels, altair) takes seconds to import and is loaded only where it is needed, so that
the web process stays light.
"""

import hashlib
import json
from datetime import timedelta

from annotation.models import Response
from core.models import Project, Stage
from evaluation.encoders import encoder_in_force
from evaluation.models import KeptReport, ScoringRun

# Raise it when the meaning or shape of the report changes: kept copies are then computed again.
VERSION = 2
# Up to here a report is computed within a request if the worker has not come to it; above, the page waits for it.
SMALL = 5_000  # responses
# A worker that has not stored what it claimed after this time is taken for lost.
CLAIM = timedelta(minutes=10)


def fingerprint(project):
    """A digest of all that the report depends on. Final labels never change, so their stage's status is enough."""
    stages = list(
        project.stages.order_by("number").values_list("pk", "status", "policy", "model_version__name")
    )
    runs = ScoringRun.objects.filter(stage__project=project).order_by("pk")
    encoder = encoder_in_force()
    state = [
        VERSION,
        project.name,
        encoder and encoder.pk,
        stages,
        list(runs.values_list("pk", "status", "total")),
    ]
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def report_body(project):
    """The report as JSON: the kept copy, or computed now where it is small; None where a worker is at it."""
    if (kept := _kept(project)) is not None:
        return kept.body
    return _compute(project) if _is_small(project) else None


def report_figures(project):
    """The report's figures (figures.draw), likewise."""
    if (kept := _kept(project)) is not None:
        return kept.figures
    if not _is_small(project):
        return None
    from evaluation.figures import draw

    return draw(_compute(project))


def stale_projects(*, now):
    """Primary keys of the projects with final labels whose copy is outdated and not being computed."""
    kept = {
        row["project"]: row
        for row in KeptReport.objects.values("project", "fingerprint", "claimed", "claimed_at")
    }
    stale = []
    for project in Project.objects.filter(stages__status__in=Stage.FINAL).distinct():
        at, row = fingerprint(project), kept.get(project.pk)
        claimed = row and row["claimed"] == at and row["claimed_at"] > now - CLAIM
        if not row or (row["fingerprint"] != at and not claimed):
            stale.append(project.pk)
    return stale


def keep_report(pk, *, now):
    """Compute the report of a project and its figures, and store them; returns whether it did.

    Does nothing where the copy is true, or another worker computes the same state since less than CLAIM.
    """
    project = Project.objects.get(pk=pk)
    # Taken first: what changes while the report is computed makes this copy outdated, never wrongly fresh.
    at = fingerprint(project)
    KeptReport.objects.get_or_create(project=project)
    mine = KeptReport.objects.filter(project=project).exclude(fingerprint=at)
    if not mine.exclude(claimed=at, claimed_at__gt=now - CLAIM).update(claimed=at, claimed_at=now):
        return False
    from evaluation.figures import draw

    body = _compute(project)
    KeptReport.objects.filter(project=project).update(fingerprint=at, body=body, figures=draw(body))
    return True


def _kept(project):
    kept = KeptReport.objects.filter(project=project).first()
    return kept if kept is not None and kept.fingerprint == fingerprint(project) else None


def _is_small(project):
    return Response.objects.filter(stage__project=project)[: SMALL + 1].count() <= SMALL


def _compute(project):
    from evaluation.reports import as_json, build_report

    return as_json(build_report(project))
