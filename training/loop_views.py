"""The loop of a project with its numbers, for the project's page."""

from django.views.decorators.http import require_GET

from core.access import ADMIN, LEAD, project_view
from core.http import render_page_or_fragment
from core.stage_line import stage_line
from training.checklist import needs
from training.loop import next_step, numbers_of


@require_GET
@project_view(LEAD, ADMIN)
def loop(request, project):
    """How far every stage is, and what is to be done next."""
    stages = list(project.stages.turns().select_related("model_version", "policy").order_by("number"))
    context = {
        "project": project,
        "stages": stage_line(project, stages, numbers_of),
        "next": next_step(project, stages[-1] if stages else None, roles=request.roles),
    }
    return render_page_or_fragment(request, "training/loop.html", "training/_loop.html", context)


@require_GET
@project_view(ADMIN)
def checklist(request, project):
    """What the project needs before its first stage; nothing, as a fragment, where nothing is missing."""
    context = {"project": project, "needs": needs(project)}
    return render_page_or_fragment(request, "training/checklist.html", "training/_checklist.html", context)
