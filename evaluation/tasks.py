"""What the workers do for the evaluation room. Messages only say "look now"; the rows decide."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from evaluation.coherence import open_runs
from evaluation.coherence import run_scoring as score
from evaluation.encoders import encoder_in_force
from evaluation.external import run_benchmark as put_through
from evaluation.keeping import keep_report, stale_projects
from evaluation.models import BenchmarkRun, ScoringRun
from evaluation.near_pairs import find_pairs, projects_to_compare
from jobs.stopping import worker_is_stopping


@shared_task(name="evaluation.sweep")
def sweep():
    """Open the scoring runs that are due (`jobs.sweep` sends them), have the outdated reports computed, and prompts
    compared where that was never done."""
    now = timezone.now()
    open_runs(now=now)
    for pk in stale_projects(now=now):
        # While the worker is busy for hours the next sweeps would pile up messages: let each one lapse.
        build_report.apply_async(kwargs={"pk": pk}, expires=2 * settings.SWEEP_SECONDS)
    for pk in projects_to_compare():
        compare_prompts.apply_async(kwargs={"pk": pk}, expires=2 * settings.SWEEP_SECONDS)


@shared_task(name=ScoringRun.TASK)
def run_scoring(*, pk):
    """Do one queued scoring run."""
    if not worker_is_stopping():
        score(pk=pk)


@shared_task(name=BenchmarkRun.TASK)
def run_benchmark(*, pk):
    """Do one queued benchmark run."""
    if not worker_is_stopping():
        put_through(pk=pk)


@shared_task(name="evaluation.build_report")
def build_report(pk):
    keep_report(pk, now=timezone.now())


@shared_task(name="evaluation.compare_prompts")
def compare_prompts(pk):
    """Compare the held-out prompts of a project that was scored before there was this."""
    if pk in projects_to_compare():
        find_pairs(pk, encoder_in_force(), now=timezone.now())
