"""The shell of the dashboard: landing, projects, the loop, one stage."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.access import ADMIN, EXPERT, LEAD, project_view, signed_in
from core.errors import DomainError
from core.forms import ProjectForm
from core.models import Project, Stage
from core.projects import create_project, may_create_projects
from core.stage_line import stage_line

# Where a person with one project lands, by the weightiest of their roles. Rooms by name: core imports no app.
LANDING = {ADMIN: "project-detail", LEAD: "arbitration:queue", EXPERT: "annotation:rate"}


@require_safe
def here(request):
    """Who is signed in in this browser, and a token for their forms, for pages that were opened before."""
    person = request.user
    return JsonResponse({"account": person.pk, "name": str(person), "token": get_token(request)})


@signed_in
def home(request):
    """The workplace of a person with one project; the list of projects for everyone else."""
    at_work = request.user.memberships.filter(project__archived_at=None)
    memberships = list(at_work.values_list("project__slug", "role"))
    if len({slug for slug, _ in memberships}) != 1:
        return redirect("project-list")
    roles = {role for _, role in memberships}
    room = next(name for role, name in LANDING.items() if role in roles)
    return redirect(room, slug=memberships[0][0])


@signed_in
def project_list(request):
    """The projects one has a part in; `archived` asks for those in the archive."""
    every = Project.objects.visible_to(request.user)
    archived = "archived" in request.GET
    projects = list(every.filter(archived_at__isnull=not archived))
    roles = {}
    for project_id, role in request.user.memberships.values_list("project", "role"):
        roles.setdefault(project_id, set()).add(role)
    # `number` rises, so the last one written is each project's newest.
    newest = {
        stage.project_id: stage
        for stage in Stage.objects.turns().filter(project__in=projects).order_by("number")
    }
    rows = [
        {"project": project, "roles": roles[project.pk], "stage": newest.get(project.pk)}
        for project in projects
    ]
    context = {
        "rows": rows,
        "archived": archived,
        "has_archived": archived or every.exclude(archived_at=None).exists(),
        "may_create": may_create_projects(request.user),
    }
    return render(request, "core/project_list.html", context)


@signed_in
def project_create(request):
    if not may_create_projects(request.user):
        raise PermissionDenied("Projects are created by admins.")
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            project = create_project(**form.cleaned_data, by=request.user, now=timezone.now())
        except DomainError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, f"“{project}” is created. Look over its rubric, then invite people.")
            return redirect("project-setup", slug=project.slug)
    return render(request, "core/project_create.html", {"form": form}, status=422 if form.errors else 200)


@project_view()
def project_detail(request, project):
    """The loop as a line of stages and the front stage's panels; for an expert, the way to the work."""
    if not request.roles & {LEAD, ADMIN}:
        return render(request, "core/project_expert.html", {"project": project})
    every = list(project.stages.select_related("model_version", "policy").order_by("number"))
    stages = [stage for stage in every if stage.is_turn]
    context = {
        "project": project,
        "stages": stage_line(project, stages),
        "front": stages[-1] if stages else None,
        "others": [stage for stage in every if not stage.is_turn],
    }
    return render(request, "core/project_detail.html", context)


@project_view(LEAD, ADMIN)
def stage_detail(request, project, stage_key):
    stages = project.stages.select_related("model_version", "policy__rubric")
    stage = get_object_or_404(stages.at(stage_key))
    context = {
        "project": project,
        "stage": stage,
        "before": stages.filter(kind=stage.kind, number=stage.number - 1).first(),
        "after": stages.filter(kind=stage.kind, number=stage.number + 1).first(),
    }
    return render(request, "core/stage_detail.html", context)
