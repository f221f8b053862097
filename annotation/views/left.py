"""What becomes of what is left of a stage: who holds what, fewer ratings, the lead; responses set aside."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from annotation.assignment import call_in
from annotation.leftover_forms import FewerForm, ReasonForm, ShortfallForm
from annotation.leftovers import response_file, response_list, what_is_left
from annotation.models import Assignment, Response, Shortfall
from annotation.setting_aside import bring_back_response, set_aside_response
from annotation.shortfall import count_fewer, count_fewer_of, let_the_lead_decide
from core.access import ADMIN, form_only, project_view
from core.errors import DomainError
from core.http import redirect
from core.models import Stage


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(ADMIN)
def left(request, project, stage_key):
    """Who holds what, and how the stage goes on where ratings are missing."""
    stage, status = _stage(project, stage_key), 200
    form = ShortfallForm(request.POST or None, stage=stage)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                _decide(stage, form.cleaned_data, request.user)
            except DomainError as error:
                form.add_error(None, str(error))
                status = error.status_code
            else:
                messages.success(
                    request, "Decided. What is complete by that is settled, the rest follows at once."
                )
                return redirect(request, reverse("annotation:left", args=[project.slug, stage.key]))
    context = {
        "stage": stage,
        "form": form,
        "is_open": stage.status == Stage.Status.RATING,
        **what_is_left(stage),
    }
    return render(request, "annotation/left.html", context, status=status)


def _decide(stage, chosen, by):
    given = {"stage": stage, "reason": chosen["reason"], "by": by, "now": timezone.now()}
    if chosen["way"] == Shortfall.Way.FEWER:
        count_fewer(ratings_per_response=chosen["ratings"], **given)
    else:
        let_the_lead_decide(at_least=chosen["at_least"], **given)


@form_only
@project_view(ADMIN)
def call_in_slot(request, project, pk):
    """Take back a slot that is open on somebody's screen."""
    slots = Assignment.objects.filter(stage__project=project).select_related("stage", "expert")
    slot = get_object_or_404(slots, pk=pk)
    call_in(assignment=slot, by=request.user, now=timezone.now())
    messages.success(
        request,
        f"The response is open again. What {slot.expert} had written is kept.",
    )
    return redirect(request, reverse("annotation:left", args=[project.slug, slot.stage.key]))


@require_safe
@project_view(ADMIN)
def responses(request, project, stage_key):
    """The responses of a stage, those that were set aside among them."""
    asked = request.GET
    context = response_list(
        _stage(project, stage_key),
        status=asked.get("status", ""),
        words=asked.get("q", "").strip(),
        page=asked.get("page"),
    )
    return render(request, "annotation/responses.html", context)


@require_safe
@project_view(ADMIN)
def response_page(request, project, pk):
    """One response, where it stands, and what can be done about it."""
    return _render_response(request, _response(project, pk))


@form_only
@project_view(ADMIN)
def set_aside(request, project, pk):
    """Take a response out of the work."""
    response, form = _response(project, pk), ReasonForm(request.POST)
    if not form.is_valid():
        return _render_response(request, response, aside=form)
    set_aside_response(
        response=response, reason=form.cleaned_data["reason"], by=request.user, now=timezone.now()
    )
    messages.success(request, "The response is set aside.")
    return redirect(request, reverse("annotation:response", args=[project.slug, pk]))


@form_only
@project_view(ADMIN)
def bring_back(request, project, pk):
    """Take a response up again."""
    bring_back_response(response=_response(project, pk), by=request.user, now=timezone.now())
    messages.success(request, "The response goes on where it stood.")
    return redirect(request, reverse("annotation:response", args=[project.slug, pk]))


@form_only
@project_view(ADMIN)
def fewer(request, project, pk):
    """Have fewer ratings of one response count."""
    response = _response(project, pk)
    form = FewerForm(request.POST, response=response)
    if form.is_valid():
        chosen = {"ratings_needed": form.cleaned_data["ratings"], "reason": form.cleaned_data["reason"]}
        try:
            count_fewer_of(response=response, by=request.user, now=timezone.now(), **chosen)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Fewer ratings of this response count now.")
            return redirect(request, reverse("annotation:response", args=[project.slug, pk]))
    return _render_response(request, response, fewer=form)


def _render_response(request, response, aside=None, fewer=None):
    context = {
        **response_file(response),
        "aside_form": aside or ReasonForm(auto_id="aside_%s"),
        "fewer_form": fewer or FewerForm(response=response, auto_id="fewer_%s"),
    }
    return render(request, "annotation/response.html", context, status=422 if aside or fewer else 200)


def _stage(project, stage_key):
    return get_object_or_404(project.stages.select_related("policy__rubric", "model_version").at(stage_key))


def _response(project, pk):
    related = ("stage__project", "prompt", "model_version", "set_aside__set_by")
    return get_object_or_404(Response.objects.select_related(*related), pk=pk, stage__project=project)
