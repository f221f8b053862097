"""What the people who run a stage see of its arbitration, and the door to finalizing it."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from arbitration.labels import finalize_labels
from arbitration.panel import rests_on_simulation, survey
from core.access import ADMIN, LEAD, project_view
from core.errors import Conflict
from core.http import flash, redirect


@require_GET
@project_view(ADMIN, LEAD)
def stage_panel(request, project, stage_key):
    """Open cases, who holds them, what was decided, and whether the labels can be finalized."""
    stage = _stage(project, stage_key)
    return render(request, "arbitration/_arbitration-panel.html", {"survey": survey(stage), "stage": stage})


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def finalize(request, project, stage_key):
    """Ask once more, saying what will be frozen; then freeze it."""
    stage, error = _stage(project, stage_key), None
    if request.method == "POST":
        try:
            done = finalize_labels(stage=stage, by=request.user, now=timezone.now())
        except Conflict as refused:
            error = refused
            stage.refresh_from_db()
        else:
            flash(request, str(done))
            return redirect(request, reverse("stage-detail", args=[project.slug, stage_key]))
    context = {
        "survey": survey(stage),
        "stage": stage,
        "error": error,
        "simulated": rests_on_simulation(stage),
    }
    return render(request, "arbitration/finalize.html", context, status=error.status_code if error else 200)


def _stage(project, stage_key):
    return get_object_or_404(project.stages.select_related("policy__rubric", "project").at(stage_key))
