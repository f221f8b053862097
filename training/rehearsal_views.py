"""The panel of the launch page that measures a training before it is launched."""

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from core.access import ADMIN, project_view
from core.errors import DomainError
from core.http import redirect
from core.models import Stage
from core.projects import BASE_MODEL_NAME
from jobs import life
from training.dataset import preview_training_set
from training.estimate import REHEARSED, rehearsed
from training.forms import LaunchForm
from training.models import Rehearsal
from training.rehearsal import rehearse


@require_http_methods(["GET", "POST"])
@project_view(ADMIN)
def rehearsal(request, project, stage_key):
    """Ask for a rehearsal with the settings of the launch form, or `cancel` the one at work; the panel asks again while
    one is at work."""
    stage = get_object_or_404(project.stages.turns().select_related("project", "model_version").at(stage_key))
    form = LaunchForm(request.POST or None, stage=stage)
    status, refusals = 200, []
    if request.method == "POST":
        try:
            if "cancel" in request.POST:
                _cancel(stage, by=request.user)
            elif form.is_valid():
                asked = {name: form.cleaned_data[name] for name in ("base", *MEASURED)}
                rehearse(stage=stage, by=request.user, now=timezone.now(), **asked)
            else:
                status, refusals = 422, [error for errors in form.errors.values() for error in errors]
        except DomainError as error:
            status, refusals = 422, getattr(error, "errors", []) or [str(error)]
    if not request.htmx and not refusals:
        return redirect(request, reverse("training:launch", args=[project.slug, stage.key]))
    # Who only asks how far it is does not send the form.
    context = {"stage": stage, "refusals": refusals, "polled": request.method == "GET"}
    if stage.status in Stage.FINAL:
        context["rehearsed"] = rehearsed(stage, preview_training_set(stage), chosen_in(form, project))
    return render(request, "training/_rehearsal.html", context, status=status)


MEASURED = ("batch_size", "max_length", "precision", "seed")


def chosen_in(form, project):
    """What `estimate` needs to know of a launch form: what was sent, if all of it is valid, else its initial values."""
    sent = form.cleaned_data if form.is_bound and form.is_valid() else {}

    def value(name):
        return sent.get(name) or form.get_initial_for_field(form.fields[name], name)

    base = value("base") or project.model_versions.filter(name=BASE_MODEL_NAME).first()
    names = {"batch_size", "max_length", "precision", "epochs", *REHEARSED}
    found = {name: value(name) for name in names & form.fields.keys()}
    return {"base_id": getattr(base, "pk", base)} | REHEARSED | found


def _cancel(stage, *, by):
    for run in Rehearsal.objects.filter(stage=stage, status__in=Rehearsal.ACTIVE):
        life.request_cancel(run, by=by, now=timezone.now())
