"""Reads of jobs, for the pages and for the end of a project."""

from django.apps import apps

from core.removal import path_to_project
from jobs.models import Job, JobAttempt


def jobs_of(project):
    """Every job of a project, kind by kind."""
    for model in apps.get_models():
        if issubclass(model, Job):
            yield from model._base_manager.filter(**{path_to_project(model): project}).order_by("pk")


def at_work(project):
    """A sentence for each job of the project that waits or runs: what stands in the way of its end."""
    return [
        f"{job._meta.verbose_name.capitalize()} {job.pk} is {job.get_status_display().lower()}: wait for its end, or "
        "cancel it first."
        for job in jobs_of(project)
        if job.is_active
    ]


def attempts_of(job):
    """The job's attempts, the newest first: who, when, how each ended and why."""
    return JobAttempt.objects.filter(job_type=job._meta.model_name, job_id=job.pk).order_by("-number")
