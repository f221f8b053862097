"""The Rate workplace with two responses side by side: a preference, its draft, "I cannot judge this", and undo."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from annotation.answers import InvalidAnswers
from annotation.drafts import DraftMoved
from annotation.models import PairSlot, Preference
from annotation.pair_forms import PreferenceForm, SentPreference, differences, told
from annotation.pair_hand_out import decline_pair
from annotation.preferring import (
    AlreadyPreferred,
    preference_fields,
    save_pair_draft,
    submit_preference,
    was_given,
    withdraw_preference,
)
from annotation.progress import OwnProgress
from annotation.views.desk import guidelines_shown, onward, progress_of, render_pair
from core.access import EXPERT, form_only, project_view
from core.errors import Conflict, DomainError, InvalidInput
from core.http import refused, render_page_or_fragment


@form_only
@project_view(EXPERT)
def submit(request, project, pk):
    """Save the preference and bring what is next in the same round trip."""
    sent, now = SentPreference(request.POST), timezone.now()
    progress = OwnProgress.of_form(request.POST.get("progress", ""), now=now)
    try:
        preference = submit_preference(
            slot=pk,
            project=project,
            by=request.user,
            now=now,
            guidelines=guidelines_shown(request),
            **sent.as_preference(),
        )
    except DomainError as error:
        return _not_taken(request, _own_slot(request, project, pk), error, sent, progress)
    more = progress and progress.after_preference(preference)
    chosen = ", ".join(f"{asked} {side}" for asked, side in told(preference.pair.stage, sent.answers) if side)
    return onward(request, project, more, news=gettext("Saved. %(chosen)s.") % {"chosen": chosen})


@form_only
@project_view(EXPERT)
def draft(request, project, pk):
    """Keep what is filled in so far. Scripts get the draft's version and no page, a plain form the page again."""
    slot, sent = _own_slot(request, project, pk), SentPreference(request.POST)
    is_script = request.headers.get("x-requested-with") == "fetch"
    try:
        kept = _keep(slot, request.user, sent)
    except DraftMoved as error:
        if is_script:
            return HttpResponse(status=409, headers={"Draft-Version": error.draft.version})
        return _choose(request, slot, None, sent, error.draft)
    if is_script:
        return HttpResponse(status=204, headers={"Draft-Version": kept.version})
    messages.success(request, gettext("Kept as a draft."))
    return redirect("annotation:rate", slug=project.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(EXPERT)
def decline(request, project, pk):
    """Ask why two responses cannot be judged, and hand them to somebody else."""
    slot = _own_slot(request, project, pk)
    reason, fault = request.POST.get("reason", ""), ""
    if request.method == "POST":
        try:
            decline_pair(slot=slot, by=request.user, reason=reason, now=timezone.now())
        except InvalidInput as error:
            fault = str(error)
        except Conflict as error:
            messages.warning(request, str(error))
            return onward(request, project, progress_of(request))
        else:
            news = gettext("Passed on to another expert.")
            return onward(request, project, progress_of(request), news=news)
    context = {"project": project, "pair": slot, "reason": reason, "fault": fault}
    answer = render_page_or_fragment(
        request,
        "annotation/decline_pair.html",
        "annotation/_decline_pair.html",
        context,
        status=422 if fault else 200,
    )
    # The dialog asks again; only an accepted reason brings what is next.
    answer["HX-Retarget"] = "#decline"
    return answer


@form_only
@project_view(EXPERT)
def take_back(request, project, pk):
    """Take back a preference of one's own and bring its pair to the desk again, with its choices as the draft."""
    mine = Preference.objects.visible_to(request.user).filter(pair__stage__project=project, pk=pk)
    preference = mine.first()
    if preference is None:
        raise Http404("No such preference of yours.")
    try:
        slot = withdraw_preference(preference=preference, by=request.user, now=timezone.now())
    except Conflict as error:
        messages.warning(request, str(error))
        return onward(request, project, progress_of(request))
    news = gettext("Taken back: change it and submit it again.")
    if request.htmx:
        return render_pair(request, slot, progress_of(request), news=news)
    messages.success(request, news)
    return redirect("annotation:rate", slug=project.slug)


def _own_slot(request, project, pk):
    slots = PairSlot.objects.filter(stage__project=project).select_related("pair", "stage__project")
    slot = slots.select_related("stage__policy").filter(pk=pk).first()
    if slot is None or not was_given(slot.pair, request.user):
        raise Http404("No such responses before you.")
    return slot


def _keep(slot, user, sent):
    fields = sent.as_pair_draft(slot.stage)
    return save_pair_draft(slot=slot, by=user, fields=fields, writing=sent.writing, now=timezone.now())


def _not_taken(request, slot, error, sent, progress):
    """The answer to a form that could not become a preference. Its words are in it, or kept as the draft."""
    if isinstance(error, InvalidAnswers):
        form = PreferenceForm(slot.stage, sent.fields, error.faults, sent.submission, sent.seen)
        return render_pair(request, slot, progress, form, status=422)
    if isinstance(error, DraftMoved):
        return _choose(request, slot, progress, sent, error.draft)
    if isinstance(error, AlreadyPreferred):
        if answer := _already(request, slot, error, sent, progress):
            return answer
    elif isinstance(error, Conflict):
        try:
            _keep(slot, request.user, sent)
        except DraftMoved as moved:
            return _choose(request, slot, progress, sent, moved.draft)
    else:
        raise error
    messages.warning(request, str(error))
    return onward(request, request.project, progress)


def _choose(request, slot, progress, sent, draft):
    """The form as it was sent, beside what its writer wrote elsewhere: sent again, it replaces that."""
    form = PreferenceForm(slot.stage, sent.fields, (), sent.submission, seen=draft.version, elsewhere=draft)
    return render_pair(request, slot, progress, form, status=refused(request))


def _already(request, slot, error, sent, progress):
    """What was saved before beside what was sent now, and the way on; None where they are the same."""
    changes = differences(slot.stage, preference_fields(error.preference), sent.fields)
    if not changes:
        return None
    context = {
        "project": request.project,
        "progress": progress,
        "already": {"why": error, "changes": changes, "preference": error.preference},
        "pair": slot,
        "news": str(error),
    }
    return render_page_or_fragment(
        request, "annotation/rate.html", "annotation/_already.html", context, status=refused(request)
    )
