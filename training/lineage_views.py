"""The pages of lineage: one of each model version, and which models learned from a person, a rubric or a response."""

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from annotation.models import Rating, Response
from core.access import ADMIN, LEAD, form_only, project_view
from core.errors import DomainError
from core.http import redirect
from core.models import Membership, ModelVersion, User
from training import sources
from training.aliases import point_alias, take_alias_away
from training.forms import AliasForm
from training.model_facts import facts_of
from training.models import ModelAlias


@require_http_methods(["GET", "POST"])
@project_view(LEAD, ADMIN)
def model_page(request, project, pk):
    """One model version: where it comes from, what it rests on, where it answered, what it is called.

    An admin sends the form that lets a name point at it.
    """
    if request.method == "POST" and ADMIN not in request.roles:
        raise PermissionDenied("Only an admin of this project can name a model.")
    model = get_object_or_404(
        ModelVersion.objects.select_related("project", "parent"), project=project, pk=pk
    )
    form, status = AliasForm(request.POST or None, initial={"name": "champion"}), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                point_alias(model_version=model, by=request.user, now=timezone.now(), **form.cleaned_data)
            except DomainError as error:
                status = error.status_code
                form.add_error(None, str(error))
            else:
                return redirect(request, reverse("training:model", args=[project.slug, pk]))
    context = {"facts": facts_of(model), "form": form}
    return render(request, "training/model.html", context, status=status)


@form_only
@project_view(ADMIN)
def drop_alias(request, project, pk):
    """Let a name point at nothing any more."""
    alias = get_object_or_404(
        ModelAlias.objects.select_related("model_version", "project"), project=project, pk=pk
    )
    take_alias_away(alias=alias, by=request.user, now=timezone.now())
    return redirect(request, reverse("training:model", args=[project.slug, alias.model_version_id]))


@require_GET
@project_view(ADMIN)
def of_person(request, project, pk):
    """What learned from the ratings of one person."""
    person = person_of(project, pk)
    return _page(
        request,
        project,
        _("ratings of %(who)s") % {"who": person},
        sources.sets_of_expert(project, person),
        person,
    )


@require_GET
@project_view(LEAD, ADMIN)
def of_guidelines(request, project, version):
    """What learned from ratings under one version of the guidelines."""
    guidelines = get_object_or_404(project.guideline_versions, version=version)
    what = _("ratings under version %(version)s of the guidelines") % {"version": version}
    return _page(request, project, what, sources.sets_of_guidelines(guidelines))


@require_GET
@project_view(LEAD, ADMIN)
def of_rubric(request, project, version):
    """What learned from ratings under one version of the rubric."""
    rubric = get_object_or_404(project.rubrics, version=version)
    what = _("ratings under version %(version)s of the rubric") % {"version": version}
    return _page(request, project, what, sources.sets_of_rubric(rubric))


@require_GET
@project_view(LEAD, ADMIN)
def of_response(request, project, pk):
    """What learned from one response, or what was revised of it: from its ratings, that is."""
    response = get_object_or_404(
        Response.objects.select_related("prompt", "stage__project"), stage__project=project, pk=pk
    )
    what = _("the response to %(prompt)s in %(stage)s, and its ratings") % {
        "prompt": response.prompt.external_id,
        "stage": response.stage,
    }
    withdraw = reverse("training:withdraw-response", args=[project.slug, pk])
    return _page(request, project, what, sources.sets_of_response(response), withdraw)


def person_of(project, pk):
    """Somebody who has a role in the project, or rated in it; else Http404."""
    here = Exists(Membership.objects.filter(user=OuterRef("pk"), project=project))
    rated = Exists(Rating.objects.filter(expert=OuterRef("pk"), response__stage__project=project))
    return get_object_or_404(User.objects.filter(here | rated), pk=pk)


def _page(request, project, what, sets, withdraw_url=""):
    sets = list(sets)
    context = {
        "what": what,
        "sets": sets,
        "learned": sources.learned_from(project, sets),
        "withdraw_url": withdraw_url,
    }
    return render(request, "training/learned.html", context)
