"""The page that launches a training run: what it would learn from, and the form."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from arbitration.panel import rests_on_simulation
from core.access import ADMIN, project_view
from core.errors import DomainError
from core.http import flash, redirect
from core.limits import whole_number
from core.models import Stage
from training.apart import compare_labels
from training.dataset import preview_training_set
from training.drawing import learnable_labels
from training.estimate import expected, rehearsed
from training.forms import LaunchForm
from training.rehearsal_views import chosen_in
from training.runs import launch_run


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def launch(request, project, stage_key):
    """What a run would learn from, and the form that launches it."""
    stage = get_object_or_404(project.stages.turns().select_related("project", "model_version").at(stage_key))
    before = request.GET.get("like")
    like = stage.training_runs.filter(pk=whole_number(before)).first() if before else None
    form = LaunchForm(request.POST or None, stage=stage, like=like)
    status, refusals = 200, []
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                run = launch_run(stage=stage, by=request.user, now=timezone.now(), **form.cleaned_data)
            except DomainError as error:
                refusals = getattr(error, "errors", []) or [str(error)]
            else:
                flash(request, "The run is queued.")
                return redirect(request, reverse("training:run", args=[project.slug, run.pk]))
    final = stage.status in Stage.FINAL
    preview = preview_training_set(stage) if final else None
    context = {
        "stage": stage,
        "form": form,
        "like": like,
        "refusals": refusals,
        "final": final,
        "preview": preview,
        "near": compare_labels(stage, learnable_labels(stage)) if final else None,
        "runs": stage.training_runs.all(),
        "simulated": rests_on_simulation(stage),
    }
    if final:
        chosen = chosen_in(form, project)
        measured = rehearsed(stage, preview, chosen)
        context |= {"rehearsed": measured, "expected": expected(stage, preview, chosen, measured)}
    return render(request, "training/launch.html", context, status=status)
