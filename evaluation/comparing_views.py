"""Comparisons: choosing and opening one, planning its size, and what its copies tell of the panel."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from core.access import ADMIN, LEAD, project_view
from core.errors import DomainError
from core.http import flash, redirect, render_page_or_fragment
from core.models import Stage
from evaluation.comparing import compared_versions
from evaluation.comparing_forms import ComparisonForm, PlanForm
from evaluation.opening import open_chosen, preview
from training.comparing import generations_of


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def compare(request, project):
    """Choose a comparison, see what it comes to, open it."""
    form = ComparisonForm(request.POST or None, project=project)
    if request.method == "GET":
        return _page(request, project, form)
    refusal, status = None, 422
    if form.is_valid() and "preview" not in request.POST:
        try:
            stage = open_chosen(project=project, choice=form.choice(), by=request.user, now=timezone.now())
        except DomainError as error:
            refusal, status = str(error), error.status_code
        else:
            waits = stage.status == Stage.Status.RESPONDING
            flash(
                request,
                f"{stage} waits for answers; rating opens with the last."
                if waits
                else f"{stage} is open: the experts rate it blind.",
            )
            return redirect(request, reverse("stage-detail", args=[project.slug, stage.key]))
    elif form.is_valid():
        status = 200
    return _page(request, project, form, refusal=refusal, status=status)


@require_GET
@project_view(ADMIN)
def compare_preview(request, project):
    """What the choice in the form comes to, beside it."""
    form = ComparisonForm(request.GET, project=project)
    context = {"form": form, "preview": preview(project, form.choice()) if form.is_valid() else None}
    return render(request, "evaluation/_comparison-preview.html", context)


@require_GET
@project_view(ADMIN)
def plan_comparison(request, project):
    """How many held-out prompts and ratings a wanted difference takes."""
    # What reckons (statsmodels) takes seconds to import and is loaded only where it is needed.
    from evaluation.sizing import size_of, usual

    usually = usual(project)
    form = PlanForm(request.GET or usually, initial=usually)
    size = size_of(project, form.cleaned_data) if form.is_valid() else None
    return render(
        request, "evaluation/plan.html", {"form": form, "size": size}, status=422 if form.errors else 200
    )


@require_GET
@project_view(LEAD, ADMIN)
def comparison_panel(request, project, stage_key):
    """Which model versions a comparison stage compares, and, once its labels are final, how the panel has rated."""
    stages = project.stages.filter(kind=Stage.Kind.COMPARISON).select_related("policy__rubric", "project")
    stage = get_object_or_404(stages.at(stage_key))
    generations = generations_of(stage) if stage.status == Stage.Status.RESPONDING else []
    context = {
        "stage": stage,
        "versions": compared_versions(stage),
        "generations": generations,
        "is_live": any(run.is_active for run, _ in generations),
        "panel": None,
    }
    if stage.status in Stage.FINAL:
        from evaluation.repeats import panel_of

        context["panel"] = panel_of(stage)
    return render_page_or_fragment(
        request, "evaluation/comparison_panel.html", "evaluation/_comparison-panel.html", context
    )


def _page(request, project, form, refusal=None, status=200):
    still_open = project.stages.filter(kind=Stage.Kind.COMPARISON, status__in=Stage.ACTIVE).first()
    shown = preview(project, form.choice()) if form.is_bound and form.is_valid() else None
    context = {"form": form, "refusal": refusal, "still_open": still_open, "preview": shown}
    return render(request, "evaluation/compare.html", context, status=status)
