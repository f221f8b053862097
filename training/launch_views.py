"""The page that launches a training run: what it would learn from, and the form."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from arbitration.panel import rests_on_simulation
from core.access import ADMIN, project_view
from core.errors import DomainError, InvalidInput
from core.http import flash, redirect
from core.limits import whole_number
from core.models import Stage
from training.apart import compare_labels
from training.dataset import preview_training_set
from training.drawing import labels_in_use, learnable_labels
from training.estimate import expected, rehearsed
from training.foreseen import foresee
from training.forms import LaunchForm
from training.models import TrainingRun, TrainingSet
from training.recipes import MEANS, recipe_for
from training.rehearsal_views import chosen_in
from training.runs import launch_run


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def launch(request, project, stage_key):
    """What a run would learn from, and the form that launches it."""
    stage = get_object_or_404(project.stages.turns().select_related("project", "model_version").at(stage_key))
    before = request.GET.get("like")
    like = stage.training_runs.filter(pk=whole_number(before)).first() if before else None
    form = LaunchForm(request.POST or None, stage=stage, like=like, objective=request.GET.get("objective"))
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
    sft = form.means is MEANS[TrainingRun.Objective.SFT]
    preview = preview_training_set(stage) if final and sft else None
    foreseen = foresee(stage, _recipe(form, stage)) if final and not sft else None
    learned = learnable_labels(stage) if form.means.kind == TrainingSet.Kind.ANSWERS else labels_in_use(stage)
    context = {
        "stage": stage,
        "form": form,
        "like": like,
        "refusals": refusals,
        "final": final,
        "preview": preview,
        "foreseen": foreseen,
        "nothing": _nothing(preview, foreseen),
        "objectives": [(code, code.label, MEANS[code]) for code in TrainingRun.Objective],
        "near": compare_labels(stage, learned) if final else None,
        "runs": stage.training_runs.all(),
        "simulated": rests_on_simulation(stage),
    }
    if preview:
        chosen = chosen_in(form, project)
        measured = rehearsed(stage, preview, chosen)
        context |= {"rehearsed": measured, "expected": expected(stage, preview, chosen, measured)}
    return render(request, "training/launch.html", context, status=status)


def _recipe(form, stage):
    """By which the page counts: as the form was sent, where that can be drawn, else the usual one of the objective."""
    names = [name for name in ("order", "least_gap", "all_axes") if name in form.fields]
    chosen = {name: form.cleaned_data[name] for name in names} if form.is_bound and form.is_valid() else {}
    asked = form["objective"].value()
    objective = asked if asked in MEANS else TrainingRun.Objective.SFT
    try:
        return recipe_for(stage, objective=objective, **chosen)
    except InvalidInput:
        return recipe_for(stage, objective=objective)


def _nothing(preview, foreseen):
    """Whether it is known that there is nothing to learn from."""
    found = preview or foreseen
    return found is None or found.examples == 0
