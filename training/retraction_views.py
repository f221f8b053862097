"""The pages on which an admin withdraws ratings: what rests on them first, then the reason."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from annotation.models import Response
from core.access import ADMIN, project_view
from core.errors import DomainError
from core.http import flash, redirect
from training.forms import RetractionForm
from training.lineage_views import person_of
from training.retraction import preview_retraction, ratings_of, withdraw_ratings


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def of_person(request, project, pk):
    """Withdraw all ratings of one person."""
    person = person_of(project, pk)
    ratings, form = ratings_of(project, expert=person), RetractionForm(request.POST or None)
    back = reverse("training:learned-from-person", args=[project.slug, pk])
    title = _("Withdraw the ratings of %(who)s") % {"who": person}
    return _page(request, project, title, ratings, form, back, expert=person)


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def of_response(request, project, pk):
    """Withdraw some ratings of one response."""
    response = get_object_or_404(Response.objects.select_related("prompt"), stage__project=project, pk=pk)
    ratings = ratings_of(project, response=response)
    form = RetractionForm(request.POST or None, ratings=ratings.select_related("expert"))
    back = reverse("training:learned-from-response", args=[project.slug, pk])
    title = _("Withdraw ratings of a response to %(prompt)s") % {"prompt": response.prompt.external_id}
    return _page(request, project, title, ratings, form, back)


def _page(request, project, title, ratings, form, back, expert=None):
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            chosen = form.cleaned_data.get("ratings")
            keys = ratings.values_list("pk", flat=True) if chosen is None else map(int, chosen)
            try:
                withdraw_ratings(
                    project=project,
                    ratings=keys,
                    reason=form.cleaned_data["reason"],
                    by=request.user,
                    now=timezone.now(),
                    expert=expert,
                )
            except DomainError as error:
                status = error.status_code
                form.add_error(None, str(error))
            else:
                flash(request, _("The ratings are withdrawn. What is frozen says so."))
                return redirect(request, back)
    context = {"title": title, "form": form, "back": back, "found": preview_retraction(project, ratings)}
    return render(request, "training/withdraw.html", context, status=status)
