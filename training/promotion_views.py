"""The page on which an admin promotes a model: what will happen, which model, and why."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from core.access import ADMIN, project_view
from core.errors import DomainError
from core.http import flash, redirect
from core.models import Stage
from training.forms import PromotionForm
from training.promotion import promote, promotion_of, tell


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def promote_model(request, project, stage_key):
    """Choose the model that goes on and say why; once promoted, the page tells what was done."""
    stage = get_object_or_404(project.stages.turns().select_related("model_version").at(stage_key))
    form = PromotionForm(
        request.POST or None, stage=stage, initial={"model_version": request.GET.get("model")}
    )
    status, refusal = 200, None
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                promotion = promote(stage=stage, by=request.user, now=timezone.now(), **form.cleaned_data)
            except DomainError as error:
                status, refusal = error.status_code, str(error)
            else:
                flash(request, f"“{promotion.model_version}” begins to answer.")
                return redirect(request, reverse("stage-detail", args=[project.slug, promotion.opened.key]))
    earlier = promotion_of(stage)
    context = {
        "stage": stage,
        "following": Stage(number=stage.number + 1),
        "form": form,
        "refusal": refusal,
        "promotion": earlier,
        "told": earlier and tell(earlier),
        "may_promote": stage.status == Stage.Status.LABELS_FINAL,
    }
    return render(request, "training/promote.html", context, status=status)
