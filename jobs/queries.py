"""Reads of jobs, for the pages and for the end of a project."""

from django.apps import apps
from django.db.models import CharField, Q, Value
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.models import Project
from core.removal import path_to_project
from jobs.models import Job, JobAttempt
from jobs.nudge import queue_of
from jobs.reasons import WORDS, Reason, without


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


def why_it_waits(job, *, reader):
    """What a queued job waits for, in words; empty where nothing stands before it.

    Other jobs of its queue are told by their kind, and by their project where `reader` belongs to it.
    """
    ahead = _ahead_of(job)
    names = dict(Project.objects.visible_to(reader).order_by().values_list("pk", "name"))
    at_work = [
        _("%(kind)s %(number)s of “%(project)s”" if project in names else "a job of another project")
        % {"kind": kind, "number": pk, "project": names.get(project)}
        for kind, pk, status, project in ahead
        if status == Job.Status.RUNNING
    ]
    waiting = len(ahead) - len(at_work)
    told = [_("At work: %(jobs)s.") % {"jobs": ", ".join(at_work)}] if at_work else []
    if waiting:
        told.append(
            ngettext("%(n)s job waits before it.", "%(n)s jobs wait before it.", waiting) % {"n": waiting}
        )
    return " ".join(told)


def _ahead_of(job):
    """[(kind, key, status, key of its project)] of the jobs in its queue that are at work or were launched before."""
    before = Q(created_at__lt=job.created_at)
    found = []
    for model in apps.get_models():
        if issubclass(model, Job) and queue_of(model.TASK) == queue_of(job.TASK):
            earlier = before | Q(created_at=job.created_at, pk__lt=job.pk) if type(job) is model else before
            kind = Value(model._meta.verbose_name, output_field=CharField())
            rows = model.objects.filter(Q(status=Job.Status.RUNNING) | Q(status=Job.Status.QUEUED) & earlier)
            found.append(rows.order_by().values_list(kind, "pk", "status", path_to_project(model)))
    return list(found[0].union(*found[1:], all=True))


def reason_in_event(params):
    """In words, why a job ended or went back, from the values of its audit event; None where they give no such code."""
    code = params.get("reason")
    return Reason(code, without(params, "reason")).told(_) if code in WORDS else None
