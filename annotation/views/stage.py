"""What admins see of annotation in a stage: its panel, and opening it for rating."""

from django.contrib import messages
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from annotation.progress import stage_progress
from annotation.rater_pairs import rater_table
from annotation.raters import raters_of
from annotation.responses import largest_k, open_rating
from annotation.stage_agreement import kept_agreement, stage_agreement
from core.access import ADMIN, LEAD, form_only, project_view
from core.http import redirect, render_page_or_fragment
from core.models import Stage


@require_safe
@project_view(LEAD, ADMIN)
def stage_panel(request, project, stage_key):
    """Responses by status and ratings given of needed; to admins also who is behind."""
    stage = _stage(project, stage_key)
    progress = stage_progress(stage)
    agreement = kept_agreement(stage)
    context = {
        "project": project,
        "stage": stage,
        "progress": progress,
        "agreement": agreement,
        "raters": _raters(request, agreement) if agreement else None,
        "is_admin": ADMIN in request.roles,
        "is_responding": stage.status == Stage.Status.RESPONDING,
        "is_live": stage.status == Stage.Status.RATING,
        "short_of_experts": max(0, largest_k(stage) - raters_of(stage).count()),
    }
    return render_page_or_fragment(
        request, "annotation/stage_panel.html", "annotation/_stage_panel.html", context
    )


@require_safe
@project_view(LEAD, ADMIN)
def agreement_of_stage(request, project, stage_key):
    """How much the experts agree: apart from the panel, because a large stage takes a moment to reckon."""
    stage = _stage(project, stage_key)
    agreement = stage_agreement(stage)
    context = {
        "project": project,
        "stage": stage,
        "agreement": agreement,
        "raters": _raters(request, agreement),
    }
    return render_page_or_fragment(
        request, "annotation/stage_agreement.html", "annotation/_stage_agreement.html", context
    )


@form_only
@project_view(ADMIN)
def open_stage_rating(request, project, stage_key):
    """Open a stage whose responses are all there."""
    stage = open_rating(stage=_stage(project, stage_key), by=request.user, now=timezone.now())
    messages.success(request, f"{stage} is open for rating.")
    return redirect(request, reverse("stage-detail", args=[project.slug, stage.key]))


def _stage(project, stage_key):
    return get_object_or_404(project.stages.select_related("policy__rubric", "model_version").at(stage_key))


def _raters(request, agreement):
    """The pairs of raters as a table: by name for admins, by number for leads, who may not know who is who."""
    names = agreement.raters
    if ADMIN not in request.roles:
        names = {
            key: gettext("Rater %(number)s") % {"number": number}
            for number, key in enumerate(agreement.pairs.raters, start=1)
        }
    return rater_table(agreement.pairs, names)
