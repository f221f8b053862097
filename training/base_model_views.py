"""The tab of a project's setup on which its base model is chosen."""

from django.conf import settings
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from core.access import ADMIN, project_view
from core.errors import DomainError
from core.http import flash, redirect
from core.projects import base_location
from training.base_model import choose_base_model, is_begun
from training.forms import BaseModelForm


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(ADMIN)
def base_model(request, project):
    """Show which model answers first, and let another be chosen until it has begun."""
    sent = request.POST if request.method == "POST" else None
    form = BaseModelForm(sent, initial={"location": project.base_model})
    status = 200
    if sent is not None:
        status = 422
        try:
            if form.is_valid():
                choose_base_model(project=project, **form.cleaned_data, by=request.user, now=timezone.now())
                flash(request, gettext("The base model is %(model)s.") % {"model": base_location(project)})
                return redirect(request, reverse("training:base-model", args=[project.slug]))
        except DomainError as error:
            form.add_error("location", str(error))
            status = error.status_code
    context = {
        "project": project,
        "form": form,
        "location": base_location(project),
        "usual": settings.BASE_MODEL,
        "is_begun": is_begun(project),
    }
    return render(request, "training/base_model.html", context, status=status)
