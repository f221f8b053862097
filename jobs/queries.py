"""Reads of jobs, for the pages."""

from jobs.models import JobAttempt


def attempts_of(job):
    """The job's attempts, the newest first: who, when, how each ended and why."""
    return JobAttempt.objects.filter(job_type=job._meta.model_name, job_id=job.pk).order_by("-number")
