"""What admins see of annotation in a stage: its panel, the import of responses, and opening it for rating."""

from django import forms
from django.contrib import messages
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.importing import import_responses
from annotation.progress import stage_progress
from annotation.reading import read_rows
from annotation.responses import open_rating, prompts_without_response
from annotation.stage_agreement import kept_agreement, stage_agreement
from core.access import ADMIN, LEAD, project_view
from core.errors import InvalidInput
from core.http import redirect, render_page_or_fragment
from core.models import Membership, Stage


class ResponseFileForm(forms.Form):
    """One file of responses."""

    file = forms.FileField(
        label="JSONL or CSV file",
        help_text="Fields: prompt_id, text, model; optional candidate (0, 1, …). UTF-8.",
        widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json,.csv,.tsv"}),
    )


@require_safe
@project_view(LEAD, ADMIN)
def stage_panel(request, project, number):
    """Responses by status and ratings given of needed; to admins also who is behind."""
    stage = _stage(project, number)
    progress = stage_progress(stage)
    context = {
        "project": project,
        "stage": stage,
        "progress": progress,
        "agreement": kept_agreement(stage),
        "is_admin": ADMIN in request.roles,
        "is_responding": stage.status == Stage.Status.RESPONDING,
        "is_live": stage.status == Stage.Status.RATING,
        "short_of_experts": max(0, stage.policy.ratings_per_response - _experts(project)),
    }
    return render_page_or_fragment(
        request, "annotation/stage_panel.html", "annotation/_stage_panel.html", context
    )


@require_safe
@project_view(LEAD, ADMIN)
def agreement_of_stage(request, project, number):
    """How much the experts agree: apart from the panel, because a large stage takes a moment to reckon."""
    stage = _stage(project, number)
    context = {"project": project, "stage": stage, "agreement": stage_agreement(stage)}
    return render_page_or_fragment(
        request, "annotation/stage_agreement.html", "annotation/_stage_agreement.html", context
    )


@require_POST
@project_view(ADMIN)
def open_stage_rating(request, project, number):
    """Open a stage whose responses are all there."""
    stage = open_rating(stage=_stage(project, number), by=request.user, now=timezone.now())
    messages.success(request, f"{stage} is open for rating.")
    return redirect(request, reverse("stage-detail", args=[project.slug, stage.number]))


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(ADMIN)
def import_stage_responses(request, project, number):
    """Bring a stage's responses in a file instead of generating them; the last one opens the rating."""
    stage = _stage(project, number)
    form = ResponseFileForm(request.POST or None, request.FILES or None)
    error = None
    if request.method == "POST" and form.is_valid():
        file, now = form.cleaned_data["file"], timezone.now()
        try:
            rows = read_rows(file, file.name)
            report = import_responses(stage=stage, rows=rows, by=request.user, now=now)
        except InvalidInput as fault:
            error = fault
        else:
            missing = prompts_without_response(stage).count()
            if missing:
                messages.warning(
                    request, f"{report.total} responses imported. {missing} prompts have none yet."
                )
            else:
                open_rating(stage=stage, by=request.user, now=now)
                messages.success(request, f"{report.total} responses imported. The stage is open for rating.")
            return redirect(request, reverse("stage-detail", args=[project.slug, stage.number]))
    context = {
        "project": project,
        "stage": stage,
        "form": form,
        "error": error,
        "missing": prompts_without_response(stage).count(),
        "is_responding": stage.status == Stage.Status.RESPONDING,
    }
    status = 422 if error or form.errors else 200
    return render_page_or_fragment(
        request,
        "annotation/import_responses.html",
        "annotation/_import_responses.html",
        context,
        status=status,
    )


def _stage(project, number):
    stage = project.stages.select_related("policy__rubric", "model_version").filter(number=number).first()
    if stage is None:
        raise Http404(f"This project has no stage {number}.")
    return stage


def _experts(project):
    return project.memberships.filter(role=Membership.Role.EXPERT).count()
