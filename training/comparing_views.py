"""The answers that a comparison waits for: the forms that have them generated, stop that, or go on without."""

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from core.access import ADMIN, form_only, project_view
from core.http import flash, redirect
from core.models import Stage
from training.comparing import cancel_wanted as cancel_wanted_of
from training.comparing import go_without, launch_wanted


@form_only
@project_view(ADMIN)
def generate_wanted(request, project, stage_key):
    """Have what ended badly generated again."""
    stage = _comparison(project, stage_key)
    launch_wanted(stage=stage, by=request.user, now=timezone.now())
    return _back(request, stage, "The generation goes on.")


@form_only
@project_view(ADMIN)
def cancel_wanted(request, project, stage_key):
    """Stop every generation of the comparison; what was answered stays."""
    stage = _comparison(project, stage_key)
    cancel_wanted_of(stage=stage, by=request.user, now=timezone.now())
    return _back(request, stage, "")


@form_only
@project_view(ADMIN)
def open_without(request, project, stage_key):
    """Open the rating without the answers that are still wanted."""
    stage = go_without(stage=_comparison(project, stage_key), by=request.user, now=timezone.now())
    return _back(request, stage, f"{stage} is open for rating.")


def _comparison(project, stage_key):
    return get_object_or_404(project.stages.filter(kind=Stage.Kind.COMPARISON).at(stage_key))


def _back(request, stage, news):
    if news:
        flash(request, news)
    return redirect(request, reverse("stage-detail", args=[stage.project.slug, stage.key]))
