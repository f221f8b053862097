"""The leads' page of revised responses on which the experts agree that they are needed: accepted, edited, rejected."""

from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from annotation.models import Rating, Response, load_earlier
from arbitration.casefile import open_files
from arbitration.forms import read_edited
from arbitration.refusing import lead_on
from arbitration.revisions import accept_revision, pending_revisions, reject_revision
from core.access import LEAD, form_only, project_view
from core.errors import Conflict, InvalidInput
from core.http import flash, redirect

REVISIONS_PAGE = 10


@require_GET
@project_view(LEAD)
def revisions(request, project):
    """Revised responses the consensus could accept, on responses that are agreed and not fully aligned."""
    pending = [pk for stage in project.stages.in_rating() for pk in pending_revisions(stage)]
    page = Paginator(pending, REVISIONS_PAGE).get_page(request.GET.get("page"))
    responses = Response.objects.select_related("prompt", "stage__policy__rubric").in_bulk(
        list(page.object_list)
    )
    load_earlier([response.prompt for response in responses.values()])
    files = open_files([responses[pk] for pk in page.object_list])
    context = {
        "page_obj": page,
        "files": files,
        "tab": "revisions",
        "simulated": any(f.simulated for f in files),
    }
    return render(request, "arbitration/revisions.html", context)


@form_only
@project_view(LEAD)
def accept(request, project, rating):
    """Accept one revised response, as it was written or as the lead edited it."""
    rating = get_object_or_404(Rating, pk=rating, response__stage__project=project)
    try:
        accepted = accept_revision(
            rating=rating, text=read_edited(request.POST, rating), by=request.user, now=timezone.now()
        )
    except (Conflict, InvalidInput) as error:
        return lead_on(request, project, error)
    edited = gettext("The revised response is accepted as you edited it.")
    flash(request, edited if accepted.edited else gettext("The revised response is accepted."))
    return redirect(request, reverse("arbitration:revisions", args=[project.slug]))


@form_only
@project_view(LEAD)
def reject(request, project, rating):
    """Reject one revised response."""
    rating = get_object_or_404(Rating, pk=rating, response__stage__project=project)
    try:
        reject_revision(rating=rating, by=request.user, now=timezone.now())
    except Conflict as error:
        return lead_on(request, project, error)
    flash(request, gettext("The revised response is rejected."))
    return redirect(request, reverse("arbitration:revisions", args=[project.slug]))
