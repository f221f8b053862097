"""What external benchmarks said of a model version."""

from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from core.access import ADMIN, LEAD, project_view
from core.http import render_page_or_fragment
from evaluation.external import results_of


@require_GET
@project_view(LEAD, ADMIN)
def benchmarks(request, project, pk):
    model = get_object_or_404(project.model_versions, pk=pk)
    context = {"project": project, "model": model, "results": results_of([model]).get(model.pk, [])}
    return render_page_or_fragment(
        request, "evaluation/benchmarks.html", "evaluation/_benchmarks.html", context
    )
