"""The machine's room in the Stages workplace: generation, launching and watching runs, models, training sets."""

from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from arbitration.panel import rests_on_simulation
from core.access import ADMIN, LEAD, form_only, project_view
from core.errors import DomainError
from core.http import flash, redirect, render_page_or_fragment
from core.limits import whole_number
from core.models import Stage
from core.projects import base_location
from jobs import life
from jobs.queries import attempts_of
from training import progress
from training.dataset import preview_training_set, read_lines_of
from training.forms import LaunchForm, SamplingForm
from training.generation import launch_generation, open_base_stage
from training.lineage import describe_examples, grow_tree
from training.models import GenerationRun, TrainingRun, TrainingSet
from training.promotion import promotion_of, tell
from training.runs import launch_run

EXAMPLES_PAGE = 20


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


@require_GET
@project_view(LEAD, ADMIN)
def stage_panel(request, project, stage_key):
    """Generation and training of one stage; the fragment asks again while a job runs."""
    stage = _stage(project, stage_key)
    generation = GenerationRun.objects.filter(stage=stage).select_related("sampling").first()
    runs = list(stage.training_runs.select_related("model_version", "base"))
    live = progress.is_live(generation, *runs)
    if not live and "polling" in request.GET:
        return _reload()
    waiting = stage.status == Stage.Status.RESPONDING
    may_train = stage.is_turn and stage.status in Stage.FINAL
    promotion = promotion_of(stage)
    steps = progress.progress_of_runs(runs)
    context = {
        "project": project,
        "stage": stage,
        "generation": generation,
        "responses": progress.generation_progress(stage) if waiting else None,
        "attempts": attempts_of(generation) if waiting and generation else None,
        "unanswered": progress.unanswered(stage),
        "runs": [(run, steps[run.pk]) for run in runs],
        "watched": next(
            ((run, progress.curves(run)) for run in reversed(runs) if progress.is_live(run)), None
        ),
        "preview": preview_training_set(stage) if may_train and not live else None,
        "following": project.stages.filter(kind=stage.kind, number=stage.number + 1).first(),
        "promoted": promotion and tell(promotion),
        "may_promote": stage.status == Stage.Status.LABELS_FINAL and any(run.model_version for run in runs),
        "live": live,
    }
    return render_page_or_fragment(request, "training/stage.html", "training/_training-panel.html", context)


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def launch(request, project, stage_key):
    """What a run would learn from, and the form that launches it."""
    stage = _turn(project, stage_key)
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
        "expected": preview and progress.duration(preview.seconds(_epochs(form))),
        "runs": stage.training_runs.all(),
        "simulated": rests_on_simulation(stage),
    }
    return render(request, "training/launch.html", context, status=status)


def _epochs(form):
    if form.is_bound and form.is_valid():
        return form.cleaned_data["epochs"]
    return form.get_initial_for_field(form.fields["epochs"], "epochs")


@require_GET
@project_view(LEAD, ADMIN)
def run_page(request, project, pk):
    """One training run: live losses, what it was launched with, what it made, why it failed."""
    run = _run(project, pk)
    live = progress.is_live(run)
    polling, sight = "polling" in request.GET, progress.sight(run)
    if not live and polling:
        return _reload()
    if polling and request.GET.get("seen") == sight:
        return HttpResponse(status=204)  # htmx leaves the page as it is
    before, after = progress.validation_change(run)
    context = {
        "run": run,
        "live": live,
        "sight": sight,
        "attempts": attempts_of(run),
        "kept": progress.kept(run),
        "steps": progress.training_progress(run),
        "curves": progress.curves(run),
        "validation_before": before,
        "validation_after": after,
    }
    if not polling:
        promotion = promotion_of(run.stage)
        context |= {
            "promoted": promotion and tell(promotion),
            "may_promote": run.model_version is not None and run.stage.status == Stage.Status.LABELS_FINAL,
            "took": run.seconds and progress.duration(run.seconds),
            "examples": _count_examples(run.training_set),
            "simulated": rests_on_simulation(run.stage),
        }
    return render_page_or_fragment(request, "training/run.html", "training/_run-live.html", context)


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


@require_GET
@project_view(LEAD, ADMIN)
def models_page(request, project):
    """Every model version, each under the one it was trained from."""
    return render(request, "training/models.html", {"trees": grow_tree(project)})


@require_GET
@project_view(ADMIN)
def training_set_page(request, project, pk):
    """The examples of a training set, each with who vouches for it and the models that learned it."""
    training_set = _training_set(project, pk)
    page = Paginator(training_set.examples.order_by("position"), EXAMPLES_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "training_set": training_set,
        "counts": _count_examples(training_set),
        "page_obj": page,
        "examples": describe_examples(page.object_list),
        "runs": training_set.runs.select_related("model_version"),
        "simulated": rests_on_simulation(training_set.stage),
    }
    return render(request, "training/training_set.html", context)


@require_GET
@project_view(ADMIN)
def training_set_file(request, project, pk):
    """The frozen lines, as a download whose SHA-256 is the set's."""
    training_set = _training_set(project, pk)
    name = f"{project.slug}-{training_set.sha256[:12]}.jsonl"
    return HttpResponse(
        b"".join(read_lines_of(training_set)),
        content_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _prompts(project):
    return project.prompts.in_use().count()


def _turn(project, stage_key):
    return get_object_or_404(project.stages.turns().select_related("project", "model_version").at(stage_key))


def _stage(project, stage_key):
    stages = project.stages.select_related("project", "model_version")
    return get_object_or_404(stages.at(stage_key))


def _run(project, pk):
    runs = TrainingRun.objects.select_related(
        "stage__project", "base", "model_version", "training_set", "created_by"
    )
    return get_object_or_404(runs, pk=pk, stage__project=project)


def _training_set(project, pk):
    return get_object_or_404(TrainingSet.objects.select_related("stage"), pk=pk, stage__project=project)


def _count_examples(training_set):
    """{"train": n, "validation": n}"""
    counts = training_set.examples.order_by().values_list("split").annotate(Count("pk"))
    return {"train": 0, "validation": 0} | dict(counts)


def _stage_url(stage):
    return reverse("stage-detail", args=[stage.project.slug, stage.key])


def _reload():
    """To a page that was polling: the job has ended, load the whole page, its other panels too."""
    return HttpResponse(headers={"HX-Refresh": "true"})
