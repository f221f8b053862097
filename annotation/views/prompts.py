"""The project's prompts: looking through them, and opening a stage for responses that come from elsewhere."""

from django.contrib import messages
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from annotation.prompt_list import prompt_list
from core.access import ADMIN, form_only, project_view
from core.http import redirect
from core.stages import open_stage


@require_safe
@project_view(ADMIN)
def prompts(request, project):
    """Every prompt of the project, searched and filtered by split."""
    asked = request.GET
    context = prompt_list(
        project, words=asked.get("q", "").strip(), split=asked.get("split", ""), page=asked.get("page")
    )
    return render(request, "annotation/prompts.html", context)


@form_only
@project_view(ADMIN)
def open_import_stage(request, project):
    """Open the project's next stage for responses that will be imported."""
    stage = open_stage(project=project, model_version=None, by=request.user, now=timezone.now())
    messages.success(request, f"{stage} is open: import its responses.")
    return redirect(request, reverse("annotation:import-responses", args=[project.slug, stage.number]))
