"""A project's setup in the browser, a tab each: rubric and policy, guidelines, people."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from core.access import ADMIN, form_only, project_view
from core.account_views import show_link
from core.accounts import create_account
from core.errors import DomainError
from core.forms import AccountForm, GuidelinesForm, MemberForm, RubricEditor
from core.guidelines import Overtaken, current, write_guidelines
from core.limits import LONGEST_REMARK
from core.models import Membership, Stage
from core.projects import add_member, remove_member, revise
from core.rubric_keys import RubricKeys
from core.setup_faults import faults_of
from core.texts import tidy


@require_safe
@project_view(ADMIN)
def project_setup(request, project):
    """The rubric and policy, with what experts will see of them."""
    return _rubric(request, project)


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(ADMIN)
def setup_guidelines(request, project):
    """The guidelines, to be read and written on."""
    if request.method != "POST":
        return _guidelines(request, project, _guidelines_form(project))
    form = GuidelinesForm(request.POST)
    if not form.is_valid():
        return _guidelines(request, project, form, status=422)
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
        return _guidelines(request, project, form, overtaken=error, status=error.status_code)
    said = "Nothing has changed." if written.version == seen else f"Saved as version {written.version}."
    messages.success(request, said)
    return redirect("setup-guidelines", slug=project.slug)


@form_only
@project_view(ADMIN)
def guidelines_preview(request, project):
    """The guidelines as they stand in the editor, set as experts will read them; not more than can be saved."""
    text = tidy(request.POST.get("guidelines", ""))[:LONGEST_REMARK]
    return render(request, "core/_guidelines_preview.html", {"text": text})


@require_safe
@project_view(ADMIN)
def setup_people(request, project):
    """Who has which role, and ways to give one."""
    return _people(request, project)


@project_view(ADMIN)
@form_only
def setup_rubric(request, project):
    if "add" in request.POST:
        return _rubric(request, project, editor=RubricEditor.grown(request.POST, request.POST["add"]))
    editor = RubricEditor(data=request.POST)
    if not editor.is_valid():
        return _rubric(request, project, editor=editor, status=422)
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
        return _rubric(request, project, editor=editor, faults=faults, status=error.status_code)
    said = "Nothing has changed." if new.version == seen else f"Saved as version {new.version}."
    messages.success(request, said)
    return redirect("project-setup", slug=project.slug)


@project_view(ADMIN)
@form_only
def setup_member_add(request, project):
    form = MemberForm(request.POST, prefix="member")
    if not form.is_valid():
        return _people(request, project, member=form, status=422)
    role = Membership.Role(form.cleaned_data["role"])
    add_member(project=project, user=form.person, role=role, by=request.user, now=timezone.now())
    messages.success(request, f"{form.person} is now {role.label.lower()} here.")
    return redirect("setup-people", slug=project.slug)


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
                return show_link(request, person, onward=reverse("setup-people", args=[project.slug]))
            messages.success(request, f"{person} can sign in as “{person.username}”.")
            return redirect("setup-people", slug=project.slug)
    return _people(request, project, account=form, status=422)


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
    return redirect("setup-people", slug=project.slug)


def _guidelines_form(project):
    newest = current(project)
    return GuidelinesForm(initial={"guidelines": newest.text, "version": newest.version})


def _rubric(request, project, *, status=200, editor=None, faults=()):
    policy = project.policy
    editor = editor or RubricEditor(policy=policy)
    context = {
        "project": project,
        "policy": policy,
        "editor": editor,
        "faults": faults_of(editor, faults),
        "waiting": project.stages.turns().filter(status=Stage.Status.RESPONDING).first(),
        "rating": project.stages.filter(status=Stage.Status.RATING).first(),
    }
    return render(request, "core/project_setup.html", context, status=status)


def _guidelines(request, project, form, *, status=200, overtaken=None):
    context = {"project": project, "guidelines": form, "overtaken": overtaken}
    return render(request, "core/setup_guidelines.html", context, status=status)


def _people(request, project, *, status=200, member=None, account=None):
    people = {}
    for membership in project.memberships.select_related("user").order_by("user__username", "role"):
        people.setdefault(membership.user, []).append(membership)
    context = {
        "project": project,
        "people": people,
        "member": member or MemberForm(prefix="member"),
        "account": account or AccountForm(prefix="account"),
    }
    return render(request, "core/setup_people.html", context, status=status)
