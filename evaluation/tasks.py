"""What the workers do for the evaluation room. Messages only say "look now"; the rows decide."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from evaluation.coherence import open_runs
from evaluation.coherence import run_scoring as score
from evaluation.keeping import keep_report, stale_projects
from evaluation.models import ScoringRun
from jobs import life


@shared_task(name="evaluation.sweep")
def sweep():
    """Free what lost its worker, open what is due, and say so to the worker."""
    now = timezone.now()
    life.requeue_lost(ScoringRun, now=now, lost_after=timedelta(seconds=settings.JOB_LOST_SECONDS))
    open_runs(now=now)
    for pk in life.due(ScoringRun):
        # While the worker is busy for hours the next sweeps would pile up messages: let each one lapse.
        run_scoring.apply_async(kwargs={"pk": pk}, expires=2 * settings.SWEEP_SECONDS)
    for pk in stale_projects(now=now):
        build_report.apply_async(kwargs={"pk": pk}, expires=2 * settings.SWEEP_SECONDS)


@shared_task(name="evaluation.run_scoring")
def run_scoring(pk):
    score(pk, clock=timezone.now)


@shared_task(name="evaluation.build_report")
def build_report(pk):
    keep_report(pk, now=timezone.now())
