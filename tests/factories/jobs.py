"""Jobs in the states that workers bring them to."""

from django.utils import timezone

from jobs import life
from jobs.models import Job
from jobs.reasons import told


def claimed(job, *, now=None, stopping=lambda: False):
    """An attempt of this process at the queued job."""
    now = now or timezone.now()
    job = life.claim(type(job), job.pk, now=now)
    return life.Attempt(job, clock=lambda: now, stopping=stopping)


def end_badly(job, status=Job.Status.FAILED, reason="Memory ran out. Use a smaller batch.", tail=""):
    """The queued job, ended by an attempt with this reason and, if given, these last lines of output."""
    attempt = claimed(job)
    attempt.end(status, told(reason))
    type(job).objects.filter(pk=job.pk).update(log_tail=tail)
    job.refresh_from_db()
    return job
