"""What the people who run a stage see of its arbitration, and the door to finalizing it."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from arbitration.cases import call_in_case
from arbitration.labels import finalize_labels
from arbitration.models import Case
from arbitration.panel import rests_on_simulation, survey
from core.access import ADMIN, LEAD, form_only, project_view
from core.errors import DomainError, InvalidInput
from core.http import flash, redirect
from core.texts import tidy


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
            because = tidy(request.POST.get("set_aside_because", "")).strip()
            if "set_aside_because" in request.POST and not because:
                raise InvalidInput("Say in a sentence why what is open is set aside.")
            done = finalize_labels(
                stage=stage, by=request.user, now=timezone.now(), set_aside_because=because
            )
        except DomainError as refused:
            error = refused
            stage.refresh_from_db()
        else:
            flash(request, str(done))
            return redirect(request, reverse("stage-detail", args=[project.slug, stage_key]))
    context = {
        "survey": survey(stage),
        "stage": stage,
        "error": error,
        "because": request.POST.get("set_aside_because", ""),
        "simulated": rests_on_simulation(stage),
    }
    return render(request, "arbitration/finalize.html", context, status=error.status_code if error else 200)


@form_only
@project_view(ADMIN)
def call_in(request, project, case):
    """Take a case back from a lead who is away."""
    case = get_object_or_404(
        Case.objects.select_related("response__stage"), pk=case, response__stage__project=project
    )
    call_in_case(case=case, by=request.user, now=timezone.now())
    flash(request, "The case is back in the queue.")
    return redirect(request, reverse("stage-detail", args=[project.slug, case.response.stage.key]))


def _stage(project, stage_key):
    return get_object_or_404(project.stages.select_related("policy__rubric", "project").at(stage_key))
