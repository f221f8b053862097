"""The page of a training run, live while it runs, and the doors that stop and resume it."""

from io import BytesIO

from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from arbitration.panel import rests_on_simulation
from core.access import ADMIN, LEAD, form_only, project_view
from core.http import flash, redirect, reload_page, render_page_or_fragment
from core.models import Stage
from jobs import life
from jobs.models import Job
from jobs.queries import attempts_of, why_it_waits
from jobs.run_dir import log_tail, newest_log, run_dir_of
from training import progress
from training.example_losses import best_and_worst
from training.models import TrainingRun
from training.promotion import promotion_of, tell

LOG_SHOWN = 20
"""Lines of its output that the page of a run shows."""


@require_GET
@project_view(LEAD, ADMIN)
def run_page(request, project, pk):
    """One training run: live losses, what it was launched with, what it made, why it failed."""
    run = _run(project, pk)
    live = progress.is_live(run)
    polling, sight = "polling" in request.GET, progress.sight(run)
    if not live and polling:
        return reload_page()
    if polling and request.GET.get("seen") == sight:
        return HttpResponse(status=204)  # htmx leaves the page as it is
    measured = progress.curves(run)
    before, after = progress.validation_change(run)
    context = {
        "run": run,
        "live": live,
        "sight": sight,
        "attempts": attempts_of(run),
        "kept": progress.kept(run),
        "steps": progress.training_progress(run),
        "curves": measured,
        "epochs": progress.epochs(run, measured.losses[1][1]),
        "ahead": why_it_waits(run, reader=request.user) if run.status == Job.Status.QUEUED else "",
        "validation_before": before,
        "validation_after": after,
    }
    if not polling:
        promotion = promotion_of(run.stage)
        context |= {
            "promoted": promotion and tell(promotion),
            "may_promote": run.model_version is not None and run.stage.status == Stage.Status.LABELS_FINAL,
            "took": run.seconds and progress.duration(run.seconds),
            "examples": run.training_set.count_by_split(),
            "simulated": rests_on_simulation(run.stage),
            "log": _last_lines(run),
            "best_and_worst": best_and_worst(run) if run.model_version_id else None,
        }
    return render_page_or_fragment(request, "training/run.html", "training/_run-live.html", context)


@require_GET
@project_view(ADMIN)
def run_log(request, project, pk):
    """All that the run's child processes have printed, as a download; of a run of another host the end of it.

    The page that shows its last lines asks with `tail` for them.
    """
    run = _run(project, pk)
    if "tail" in request.GET:
        return render(request, "training/_log.html", {"log": _last_lines(run)})
    path = newest_log(run_dir_of(run))
    name = f"{project.slug}-run-{run.pk}.log"
    if path is None and not run.log_tail:
        raise Http404
    content = open(path, "rb") if path else BytesIO(run.log_tail.encode())
    return FileResponse(content, as_attachment=True, filename=name, content_type="text/plain; charset=utf-8")


@form_only
@project_view(ADMIN)
def cancel(request, project, pk):
    """Ask a run to save what it has and stop."""
    run = _run(project, pk)
    life.request_cancel(run, by=request.user, now=timezone.now())
    flash(request, "The run saves a checkpoint and stops. It can be resumed.")
    return redirect(request, reverse("training:run", args=[project.slug, pk]))


@form_only
@project_view(ADMIN)
def resume(request, project, pk):
    """Queue an ended run again."""
    run = _run(project, pk)
    life.resume(run, by=request.user, now=timezone.now())
    flash(request, "The run is queued again and goes on from its last checkpoint.")
    return redirect(request, reverse("training:run", args=[project.slug, pk]))


def _last_lines(run):
    return log_tail(run_dir_of(run), LOG_SHOWN) or run.log_tail


def _run(project, pk):
    runs = TrainingRun.objects.select_related(
        "stage__project", "base", "model_version", "training_set", "created_by"
    )
    return get_object_or_404(runs, pk=pk, stage__project=project)
