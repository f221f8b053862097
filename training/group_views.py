"""The pages of run groups: the form that launches one, the group while it learns and after, its cancel and resume."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from arbitration.panel import rests_on_simulation
from core.access import ADMIN, LEAD, form_only, project_view
from core.errors import DomainError
from core.http import flash, redirect, reload_page, render_page_or_fragment
from core.models import Stage
from training import groups, trials
from training.apart import compare_labels
from training.dataset import learnable_labels, preview_training_set
from training.group_forms import GroupForm
from training.models import RunGroup
from training.promotion import promotion_of, tell


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def launch(request, project, stage_key):
    """Which seeds and values are tried, how many runs that makes, and the form that launches them together."""
    stage = _turn(project, stage_key)
    form = GroupForm(request.POST if request.method == "POST" else None, stage=stage)
    status, refusals = 200, []
    final = stage.status in Stage.FINAL
    preview = preview_training_set(stage) if final else None
    planned = final and (not form.is_bound or form.is_valid()) and _plan(form, preview)
    if request.method == "POST":
        status = 422
        if planned and not planned.faults and form.cleaned_data["told"] != planned.runs:
            refusals = [
                _(
                    "These settings make %(runs)s runs: look at what they take below, and launch them if that is right."
                )
                % {"runs": planned.runs}
            ]
        elif form.is_valid():
            try:
                group = groups.launch_group(
                    stage=stage,
                    by=request.user,
                    now=timezone.now(),
                    seeds=form.seeds_asked(),
                    values=form.values(),
                    **form.common(),
                )
            except DomainError as error:
                refusals = getattr(error, "errors", []) or [str(error)]
            else:
                flash(request, _("The runs of the group are queued."))
                return redirect(request, _url(group))
    context = {
        "stage": stage,
        "form": form,
        "refusals": refusals,
        "final": final,
        "preview": preview,
        "near": compare_labels(stage, learnable_labels(stage)) if final else None,
        "plan": planned or None,
        "rule": RunGroup.Rule.LOWEST_MEAN.label,
        "simulated": rests_on_simulation(stage),
    }
    return render(request, "training/launch_group.html", context, status=status)


@form_only
@project_view(ADMIN)
def plan(request, project, stage_key):
    """How many runs the form as it is filled in would launch, and how long they take, as a fragment."""
    stage = _turn(project, stage_key)
    form = GroupForm(request.POST, stage=stage)
    may_plan = stage.status in Stage.FINAL and form.is_valid()
    context = {"plan": _plan(form, preview_training_set(stage)) if may_plan else None}
    return render(request, "training/_group-plan.html", context)


@require_GET
@project_view(LEAD, ADMIN)
def group_page(request, project, pk):
    """One group: the state and losses of its runs, each trial's mean and spread, and which one the rule chooses."""
    group = _group(project, pk)
    state = trials.state_of(group)
    polling = "polling" in request.GET
    if not state.is_live and polling:
        return reload_page()
    if polling and request.GET.get("seen") == state.sight:
        return HttpResponse(status=204)  # htmx leaves the page as it is
    context = {"group": group, "state": state}
    if not polling:
        promotion = promotion_of(group.stage)
        context |= {
            "promoted": promotion and tell(promotion),
            "may_promote": state.done and group.stage.status == Stage.Status.LABELS_FINAL,
            "examples": group.training_set.count_by_split(),
            "simulated": rests_on_simulation(group.stage),
        }
    return render_page_or_fragment(request, "training/group.html", "training/_group-live.html", context)


@form_only
@project_view(ADMIN)
def cancel(request, project, pk):
    """Stop the runs of a group that wait or learn."""
    group = _group(project, pk)
    asked = groups.cancel_group(group=group, by=request.user, now=timezone.now())
    flash(
        request,
        ngettext(
            "%(runs)s run stops. It can go on later.", "%(runs)s runs stop. They can go on later.", len(asked)
        )
        % {"runs": len(asked)},
    )
    return redirect(request, _url(group))


@form_only
@project_view(ADMIN)
def resume(request, project, pk):
    """Queue those of a group again that were canceled or failed."""
    group = _group(project, pk)
    queued = groups.resume_group(group=group, by=request.user, now=timezone.now())
    flash(
        request,
        ngettext("%(runs)s run is queued again.", "%(runs)s runs are queued again.", len(queued))
        % {"runs": len(queued)},
    )
    return redirect(request, _url(group))


def _plan(form, preview):
    return trials.plan(seeds=form.seeds_asked(), values=form.values(), preview=preview)


def _turn(project, stage_key):
    return get_object_or_404(project.stages.turns().select_related("project", "model_version").at(stage_key))


def _group(project, pk):
    found = RunGroup.objects.select_related("stage__project", "training_set", "created_by")
    return get_object_or_404(found, pk=pk, stage__project=project)


def _url(group):
    return reverse("training:group", args=[group.stage.project.slug, group.pk])
