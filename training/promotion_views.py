"""The page on which an admin promotes a model: what will happen, which model, what the gate says of it, and why."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.access import ADMIN, form_only, project_view
from core.errors import DomainError
from core.http import flash, redirect
from core.limits import whole_number
from core.models import Stage
from training.forms import PromotionForm
from training.gate import newest_gate, take_gate
from training.models import PromotionRequest
from training.promotion import (
    GateStops,
    GateWarns,
    agree_to_promotion,
    ask_to_promote,
    has_another_admin,
    open_request,
    promotable,
    promote,
    promotion_of,
    take_back_request,
    tell,
)


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def promote_model(request, project, stage_key):
    """Choose the model that goes on and say why; once promoted, the page tells what was done.

    What is sent names its act: "promote", "ask" for another admin to agree, or "measure" alone.
    """
    stage = _stage(project, stage_key)
    form = PromotionForm(
        request.POST or None, stage=stage, initial={"model_version": request.GET.get("model")}
    )
    if request.method != "POST":
        return _page(request, stage, form, _chosen(stage, request.GET.get("model", "")))
    if request.POST.get("act") == "measure":
        form.fields["reason"].required = False
    if not form.is_valid():
        return _page(request, stage, form, _chosen(stage, request.POST.get("model_version", "")), status=422)
    model, event = form.cleaned_data["model_version"], {"by": request.user, "now": timezone.now()}
    try:
        if request.POST.get("act") == "measure":
            take_gate(stage=stage, model_version=model, **event)
            return _page(request, stage, PromotionForm(stage=stage, initial=form.cleaned_data), model)
        if request.POST.get("act") == "ask":
            ask_to_promote(stage=stage, **form.cleaned_data, **event)
            flash(request, _("The other admins of this project find it on this page and can agree."))
            return redirect(request, request.path)
        promotion = promote(
            stage=stage, **form.cleaned_data, seen=whole_number(request.POST.get("seen", "")), **event
        )
    except (GateStops, GateWarns) as error:
        # What was measured was undone with the promotion; the person is to look at it.
        take_gate(stage=stage, model_version=model, **event)
        return _page(request, stage, form, model, status=error.status_code, refusal=str(error))
    except DomainError as error:
        return _page(request, stage, form, model, status=error.status_code, refusal=str(error))
    return _promoted(request, project, promotion)


@form_only
@project_view(ADMIN)
def promotion_request(request, project, stage_key, pk):
    """Agree to what another admin asked for, or take it back."""
    stage = _stage(project, stage_key)
    wish = get_object_or_404(
        PromotionRequest.objects.select_related("gate__model_version"), stage=stage, pk=pk
    )
    event = {"request": wish, "by": request.user, "now": timezone.now()}
    try:
        if request.POST.get("act") == "take_back":
            take_back_request(**event)
            return redirect(request, reverse("training:promote", args=[project.slug, stage.key]))
        return _promoted(request, project, agree_to_promotion(**event))
    except DomainError as error:
        form = PromotionForm(stage=stage)
        return _page(
            request, stage, form, wish.gate.model_version, status=error.status_code, refusal=str(error)
        )


def _stage(project, stage_key):
    return get_object_or_404(project.stages.turns().select_related("model_version").at(stage_key))


def _chosen(stage, key):
    number = whole_number(str(key))
    return number and promotable(stage).filter(pk=number).first()


def _promoted(request, project, promotion):
    flash(request, f"“{promotion.model_version}” begins to answer.")
    return redirect(request, reverse("stage-detail", args=[project.slug, promotion.opened.key]))


def _page(request, stage, form, model, *, status=200, refusal=None):
    earlier = promotion_of(stage)
    wish = None if earlier else open_request(stage)
    gate = None
    if earlier:
        model = earlier.model_version
    elif wish:
        model = wish.gate.model_version
    if model:
        gate = newest_gate(stage, model)
    context = {
        "stage": stage,
        "following": Stage(number=stage.number + 1),
        "form": form,
        "refusal": refusal,
        "promotion": earlier,
        "told": earlier and tell(earlier),
        "may_promote": stage.status == Stage.Status.LABELS_FINAL,
        "gate": gate,
        "wish": wish,
        "is_mine": wish and wish.asked_by_id == request.user.pk,
        "alone": gate
        and not wish
        and gate.verdict == "stop"
        and not has_another_admin(stage.project, request.user),
    }
    return render(request, "training/promote.html", context, status=status)
