"""The card of a model version, as a file."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from core.access import ADMIN, LEAD, project_view
from core.models import ModelVersion


@require_GET
@project_view(LEAD, ADMIN)
def model_card(request, project, pk):
    """The card of a model version in the hub's conventions, to be read or put beside its weights."""
    # What reckons (statsmodels) takes seconds to import and is loaded only where it is needed.
    from exchange.model_archive import weights_of
    from exchange.model_card import card_of

    model = get_object_or_404(ModelVersion.objects.select_related("project"), project=project, pk=pk)
    name = slugify(model.name) or "model"
    return HttpResponse(
        card_of(model, weights_of(model)),
        content_type="text/markdown; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.README.md"'},
    )
