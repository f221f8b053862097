"""Letting a model answer: the pages that begin a generation, launch it again and stop it."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from core.access import ADMIN, form_only, project_view
from core.errors import DomainError
from core.http import flash, redirect
from core.projects import base_location
from jobs import life
from training.forms import SamplingForm
from training.generation import launch_generation, open_base_stage
from training.models import GenerationRun


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def start(request, project):
    """Begin the loop: let the base model answer every prompt."""
    if project.stages.turns().exists():
        return redirect(request, reverse("project-detail", args=[project.slug]))
    form = SamplingForm(request.POST or None, initial={"seed": project.seed})
    status, refusal = 200, None
    if request.method == "POST":
        try:
            if form.is_valid():
                stage = open_base_stage(
                    project=project,
                    sampling=form.sampling(),
                    precision=form.cleaned_data["precision"],
                    seed=form.cleaned_data["seed"],
                    candidates=form.cleaned_data["candidates"],
                    by=request.user,
                    now=timezone.now(),
                )
                flash(request, "The base model begins to answer.")
                return redirect(request, _stage_url(stage))
        except DomainError as error:
            refusal = str(error)
        status = 422
    context = {
        "form": form,
        "refusal": refusal,
        "prompts": _prompts(project),
        "stage": None,
        "location": base_location(project),
    }
    return render(request, "training/generate.html", context, status=status)


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def generate_stage(request, project, stage_key):
    """Let the model of a stage that waits for responses answer, or go on where it was interrupted.

    A generation that ended badly can be launched again with other settings; without any in the form it goes on as it
    was.
    """
    stage = _turn(project, stage_key)
    run = GenerationRun.objects.filter(stage=stage).select_related("sampling").first()
    if run is not None and request.method == "GET" and not run.may_resume:
        return redirect(request, _stage_url(stage))
    as_it_was = run is not None and "batch_size" not in request.POST
    answered = run is not None and stage.responses.exists()
    form = (
        SamplingForm.of_run(run, request.POST or None, answered=answered)
        if run
        else SamplingForm(request.POST or None, initial={"seed": project.seed})
    )
    status, refusal = 200, None
    if request.method == "POST":
        try:
            if as_it_was or form.is_valid():
                launch_generation(
                    stage=stage,
                    sampling=None if as_it_was else form.sampling(),
                    precision=None if as_it_was else form.cleaned_data["precision"],
                    seed=run.seed if run else form.cleaned_data["seed"],
                    candidates=run.candidates if run else form.cleaned_data["candidates"],
                    by=request.user,
                    now=timezone.now(),
                )
                flash(request, "The model begins to answer." if run is None else "The generation goes on.")
                return redirect(request, _stage_url(stage))
        except DomainError as error:
            refusal = str(error)
        status = 422
    context = {
        "form": form,
        "refusal": refusal,
        "prompts": _prompts(project),
        "stage": stage,
        "run": run,
        "answered": answered,
        "location": stage.model_version.location if stage.model_version else base_location(project),
    }
    return render(request, "training/generate.html", context, status=status)


@form_only
@project_view(ADMIN)
def cancel_generation(request, project, stage_key):
    """Stop a stage's generation; what it has answered stays."""
    run = get_object_or_404(GenerationRun, stage=_turn(project, stage_key))
    life.request_cancel(run, by=request.user, now=timezone.now())
    flash(request, "The generation stops; the responses it has written stay.")
    return redirect(request, _stage_url(run.stage))


def _prompts(project):
    return project.prompts.in_use().count()


def _turn(project, stage_key):
    return get_object_or_404(project.stages.turns().select_related("project", "model_version").at(stage_key))


def _stage_url(stage):
    return reverse("stage-detail", args=[stage.project.slug, stage.key])
