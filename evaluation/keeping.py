"""The stored copy of a project's report, so that its page answers at once at any size.

A worker makes it after the labels of a stage are final or its cosines complete. It is true only while `fingerprint`
is that of the project; whoever finds it outdated computes the report or waits, and never shows the old one as new.

What computes and draws (statsmodels, altair) takes seconds to import and is loaded only where it is needed, so that
the web process stays light.
"""

import hashlib
import json
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Subquery

from annotation.models import Response
from core.models import AuditEvent, Project, Stage
from evaluation.encoders import encoder_in_force
from evaluation.models import KeptReport, ScoringRun

# Raise it when the meaning or shape of the report changes: kept copies are then computed again.
VERSION = 8
# Up to here a report is computed within a request if the worker has not come to it; above, the page waits for it.
SMALL = 5_000  # responses
# A worker that has not stored what it claimed after this time is taken for lost.
CLAIM = timedelta(minutes=10)
# An event may become visible after one with a later number, but not this much later.
SETTLED = timedelta(minutes=1)


def fingerprint(project):
    """A digest of all that the report depends on. Final labels never change, so their stage's status is enough."""
    stages = list(
        project.stages.exclude(kind=Stage.Kind.CALIBRATION)
        .order_by("kind", "number")
        .values_list("pk", "status", "policy", "model_version__name")
    )
    runs = ScoringRun.objects.filter(stage__project=project).exclude(stage__kind=Stage.Kind.CALIBRATION)
    encoder = encoder_in_force()
    state = [
        VERSION,
        project.name,
        encoder and encoder.pk,
        stages,
        list(runs.order_by("pk").values_list("pk", "status", "total")),
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
    """Primary keys of the projects with final labels whose copy is outdated and not being computed.

    Whatever changes a report writes an audit event, so a project without a new one is not looked at: two statements
    for any number of idle projects.
    """
    encoder = encoder_in_force()
    newest = AuditEvent.objects.filter(project=OuterRef("pk")).order_by("-id")
    final = Stage.objects.exclude(kind=Stage.Kind.CALIBRATION).filter(
        project=OuterRef("pk"), status__in=Stage.FINAL
    )
    projects = Project.objects.filter(Exists(final)).annotate(
        event=Subquery(newest.values("pk")[:1]),
        event_at=Subquery(newest.values("created_at")[:1]),
        seen=F("kept_report__seen"),
    )
    stale = []
    for project in projects:
        sight = hashlib.sha256(
            json.dumps([VERSION, encoder and encoder.pk, project.name, project.event]).encode()
        ).hexdigest()
        if project.seen == sight:
            continue
        at = fingerprint(project)
        kept = (
            KeptReport.objects.filter(project=project).values("fingerprint", "claimed", "claimed_at").first()
        )
        if kept is None or kept["fingerprint"] != at:
            if not (kept and kept["claimed"] == at and kept["claimed_at"] > now - CLAIM):
                stale.append(project.pk)
        elif project.event_at is None or project.event_at < now - SETTLED:
            KeptReport.objects.filter(project=project).update(seen=sight)
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
