"""The life of a background job: claim, heartbeat, end. Shared by generation, training and scoring.

The worker that wins the compare-and-set from QUEUED to RUNNING owns the job under a new `attempt`; a message
delivered twice loses the second time. Every later write names that attempt, so a worker that was taken for
dead cannot write over its successor.
"""

import os
import socket

from django.db.models import Q

from core.errors import Conflict
from core.transitions import StatusConflict, transition
from jobs.models import Job


class LostJob(Exception):
    """This worker no longer owns the job: stop, and write nothing more."""


def worker_name():
    return f"{socket.gethostname()}:{os.getpid()}"


def claim(model, pk, *, now):
    """The job, now RUNNING and ours under a new attempt; None where there is nothing to do."""
    job = model.objects.filter(pk=pk, status=Job.Status.QUEUED).first()
    if job is None:
        return None
    try:
        transition(
            job,
            Job.Status.RUNNING,
            by=None,
            now=now,
            attempt=job.attempt + 1,
            worker=worker_name(),
            heartbeat_at=now,
            started_at=job.started_at or now,
            reason="",
        )
    except StatusConflict:
        return None
    return job


def beat(job, *, now):
    """Say that the job lives. Raises LostJob if it is no longer ours; returns whether to cancel."""
    mine = type(job).objects.filter(pk=job.pk, status=Job.Status.RUNNING, attempt=job.attempt)
    if mine.update(heartbeat_at=now) != 1:
        raise LostJob(f"{type(job).__name__} {job.pk} attempt {job.attempt}")
    return mine.filter(cancel_requested_at__isnull=False).exists()


def end(job, status, *, now, reason=""):
    """Close our attempt with a terminal status."""
    try:
        transition(
            job,
            status,
            by=None,
            now=now,
            detail=reason,
            only_if={"attempt": job.attempt},
            finished_at=now,
            reason=reason,
        )
    except StatusConflict:
        raise LostJob(f"{type(job).__name__} {job.pk} attempt {job.attempt}") from None


def give_back(job, *, now, reason):
    """Return a running job to the queue, for the next worker to resume."""
    transition(
        job,
        Job.Status.QUEUED,
        by=None,
        now=now,
        detail=reason,
        only_if={"attempt": job.attempt},
        worker="",
        heartbeat_at=None,
    )


def requeue_lost(model, *, now, lost_after):
    """Requeue every running job whose heartbeat is older than `lost_after` (a timedelta). Returns them."""
    lost = model.objects.filter(status=Job.Status.RUNNING).filter(
        Q(heartbeat_at__lt=now - lost_after) | Q(heartbeat_at__isnull=True)
    )
    requeued = []
    for job in lost:
        try:
            give_back(job, now=now, reason="Its worker stopped answering; the next one resumes it.")
        except StatusConflict:
            continue
        requeued.append(job)
    return requeued


def due(model):
    """Primary keys of the queued jobs, oldest first."""
    return list(model.objects.filter(status=Job.Status.QUEUED).order_by("id").values_list("pk", flat=True))


def request_cancel(job, *, by, now):
    """Cancel a queued job at once; ask a running one's worker to stop. Asking twice is the same as once."""
    if job.status == Job.Status.QUEUED:
        try:
            return transition(job, Job.Status.CANCELED, by=by, now=now, finished_at=now)
        except StatusConflict:
            job.refresh_from_db()
    if job.status == Job.Status.RUNNING:
        type(job).objects.filter(pk=job.pk, cancel_requested_at__isnull=True).update(cancel_requested_at=now)
    return job


def resume(job, *, by, now):
    """Queue a failed, errored or canceled job again; it goes on from what it had saved.

    Resuming twice is the same as once. Raises Conflict for a job that runs or has succeeded.
    """
    if job.status == Job.Status.QUEUED:
        return job
    if job.status not in Job.TERMINAL - {Job.Status.SUCCEEDED}:
        raise Conflict("There is nothing to resume: reload to see where it stands.")
    return transition(
        job,
        Job.Status.QUEUED,
        by=by,
        now=now,
        finished_at=None,
        cancel_requested_at=None,
        reason="",
        worker="",
    )
