"""A project's setup in the browser: guidelines, rubric and policy, people."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from core.access import ADMIN, form_only, project_view
from core.account_views import show_link
from core.accounts import create_account
from core.errors import DomainError
from core.forms import AccountForm, GuidelinesForm, MemberForm, RubricEditor
from core.guidelines import Overtaken, current, write_guidelines
from core.models import Membership, Stage
from core.projects import add_member, remove_member, revise
from core.rubric_keys import RubricKeys


@project_view(ADMIN)
def project_setup(request, project):
    return _page(request, project)


@project_view(ADMIN)
@form_only
def setup_guidelines(request, project):
    form = GuidelinesForm(request.POST)
    if not form.is_valid():
        return _page(request, project, guidelines=form, status=422)
    seen = form.cleaned_data["version"]
    try:
        written = write_guidelines(
            project=project,
            text=form.cleaned_data["guidelines"],
            by=request.user,
            now=timezone.now(),
            expected_version=seen,
        )
    except Overtaken as error:
        form = GuidelinesForm(initial=form.cleaned_data | {"version": error.newest.version})
        return _page(request, project, guidelines=form, overtaken=error, status=error.status_code)
    said = "Nothing has changed." if written.version == seen else f"Saved as version {written.version}."
    messages.success(request, said)
    return redirect("project-setup", slug=project.slug)


@project_view(ADMIN)
@form_only
def setup_rubric(request, project):
    if "add" in request.POST:
        return _page(request, project, editor=RubricEditor.grown(request.POST, request.POST["add"]))
    editor = RubricEditor(data=request.POST)
    if not editor.is_valid():
        return _page(request, project, editor=editor, status=422)
    rubric, policy = editor.specs(RubricKeys(project))
    seen = editor.policy.cleaned_data["version"]
    try:
        new = revise(
            project=project,
            rubric=rubric,
            policy=policy,
            by=request.user,
            now=timezone.now(),
            expected_version=seen,
        )
    except DomainError as error:
        faults = [str(error), *getattr(error, "errors", [])]
        return _page(request, project, editor=editor, faults=faults, status=error.status_code)
    said = "Nothing has changed." if new.version == seen else f"Saved as version {new.version}."
    messages.success(request, said)
    return redirect("project-setup", slug=project.slug)


@project_view(ADMIN)
@form_only
def setup_member_add(request, project):
    form = MemberForm(request.POST, prefix="member")
    if not form.is_valid():
        return _page(request, project, member=form, status=422)
    role = Membership.Role(form.cleaned_data["role"])
    add_member(project=project, user=form.person, role=role, by=request.user, now=timezone.now())
    messages.success(request, f"{form.person} is now {role.label.lower()} here.")
    return redirect("project-setup", slug=project.slug)


@project_view(ADMIN)
@form_only
def setup_account(request, project):
    """Create a person's account and give it its first role here."""
    form = AccountForm(request.POST, prefix="account")
    if form.is_valid():
        data, now = form.cleaned_data, timezone.now()
        try:
            person = create_account(
                username=data["username"],
                password=data["password"] or None,
                full_name=data["full_name"],
                email=data["email"],
                by=request.user,
                now=now,
            )
        except DomainError as error:
            form.add_error("username", str(error))
        else:
            add_member(project=project, user=person, role=data["role"], by=request.user, now=now)
            if not data["password"]:
                return show_link(request, person, onward=reverse("project-setup", args=[project.slug]))
            messages.success(request, f"{person} can sign in as “{person.username}”.")
            return redirect("project-setup", slug=project.slug)
    return _page(request, project, account=form, status=422)


@project_view(ADMIN)
@form_only
def setup_member_remove(request, project, pk):
    membership = project.memberships.select_related("user").filter(pk=pk).first()
    if membership is None:
        raise Http404("No such member.")
    try:
        remove_member(
            project=project, user=membership.user, role=membership.role, by=request.user, now=timezone.now()
        )
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, f"{membership.user} is no longer {membership.get_role_display().lower()} here."
        )
    return redirect("project-setup", slug=project.slug)


def _guidelines_form(project):
    newest = current(project)
    return GuidelinesForm(initial={"guidelines": newest.text, "version": newest.version})


def _page(
    request,
    project,
    *,
    status=200,
    editor=None,
    faults=(),
    guidelines=None,
    overtaken=None,
    member=None,
    account=None,
):
    people = {}
    for membership in project.memberships.select_related("user").order_by("user__username", "role"):
        people.setdefault(membership.user, []).append(membership)
    policy = project.policy
    context = {
        "project": project,
        "policy": policy,
        "editor": editor or RubricEditor(policy=policy),
        "faults": faults,
        "guidelines": guidelines or _guidelines_form(project),
        "overtaken": overtaken,
        "people": people,
        "member": member or MemberForm(prefix="member"),
        "account": account or AccountForm(prefix="account"),
        "waiting": project.stages.turns().filter(status=Stage.Status.RESPONDING).first(),
        "rating": project.stages.filter(status=Stage.Status.RATING).first(),
    }
    return render(request, "core/project_setup.html", context, status=status)
