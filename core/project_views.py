"""The project itself in the browser: its name, a copy of it, its archive, its end."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from core import closing
from core.access import ADMIN, form_only, project_view
from core.errors import DomainError
from core.forms import CopyForm, DeleteForm, RenameForm


@require_safe
@project_view(ADMIN)
def project_itself(request, project):
    return _page(request, project)


@form_only
@project_view(ADMIN)
def rename(request, project):
    form = RenameForm(request.POST)
    if form.is_valid() and _done(form, closing.rename_project, request, project):
        messages.success(request, gettext("The project is renamed. Its address stays."))
        return redirect("project-itself", slug=project.slug)
    return _page(request, project, rename=form)


@form_only
@project_view(ADMIN, even_archived=True)
def copy(request, project):
    form = CopyForm(request.POST, prefix="copy")
    if form.is_valid() and (made := _done(form, closing.copy_project, request, project)):
        messages.success(request, gettext("This is the copy, with nothing in it yet but its setup."))
        return redirect("project-setup", slug=made.slug)
    return _page(request, project, copy=form)


@form_only
@project_view(ADMIN)
def archive(request, project):
    closing.archive_project(project=project, by=request.user, now=timezone.now())
    messages.success(
        request, gettext("The project is archived: it is out of the lists and can only be read.")
    )
    return redirect("project-itself", slug=project.slug)


@form_only
@project_view(ADMIN, even_archived=True)
def bring_back(request, project):
    closing.bring_back_project(project=project, by=request.user, now=timezone.now())
    messages.success(request, gettext("The project goes on where it stood."))
    return redirect("project-detail", slug=project.slug)


@form_only
@project_view(ADMIN, even_archived=True)
def delete(request, project):
    form = DeleteForm(request.POST, prefix="delete")
    if form.is_valid() and _done(form, closing.delete_project, request, project):
        messages.success(request, gettext("“%(project)s” is deleted.") % {"project": project})
        return redirect("project-list")
    return _page(request, project, delete=form)


def _done(form, act, request, project):
    """What the act gives, or True; None where it was refused, which is told with the form."""
    try:
        done = act(project=project, **form.cleaned_data, by=request.user, now=timezone.now())
    except DomainError as error:
        form.add_error("name", str(error))
        return None
    return done or True


def _page(request, project, *, rename=None, copy=None, delete=None):
    sent = rename or copy or delete
    context = {
        "project": project,
        "rename": rename or RenameForm(initial={"name": project.name}),
        "copy": copy or CopyForm(prefix="copy"),
        "delete": delete or DeleteForm(prefix="delete"),
    }
    return render(request, "core/project_itself.html", context, status=422 if sent else 200)
