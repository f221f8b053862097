"""The panel of what experts preferred in a comparison."""

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from core.access import ADMIN, LEAD, project_view
from core.http import render_page_or_fragment


@require_GET
@project_view(LEAD, ADMIN)
def panel(request, project, stage_key):
    """How many pairs are judged, and once the stage is final who won."""
    # What reckons (statsmodels) takes seconds to import and is loaded only where it is needed.
    from evaluation.side_by_side import pairs_judged, side_by_side

    stage = get_object_or_404(project.stages.at(stage_key))
    if not stage.has_pairs:
        raise Http404("This stage lays nothing side by side.")
    found = side_by_side(stage)
    context = {
        "project": project,
        "stage": stage,
        "pairs": pairs_judged(stage),
        "found": found,
        "simulated": bool(found and found.simulated),
    }
    return render_page_or_fragment(
        request, "evaluation/side_by_side.html", "evaluation/_side-by-side.html", context
    )
