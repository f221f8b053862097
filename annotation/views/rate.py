"""The Rate workplace: the next response, its draft, its rating, and "I cannot judge this"."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from annotation.answer_fields import differences, rating_fields, told
from annotation.answers import InvalidAnswers, with_answers
from annotation.assignment import decline
from annotation.correcting import withdraw_rating
from annotation.drafts import DraftMoved, save_draft
from annotation.forms import RatingForm, Sent
from annotation.models import Assignment, Rating
from annotation.next_work import has_any_work
from annotation.progress import OwnProgress
from annotation.rating import AlreadyRated, submit_rating
from annotation.views.desk import guidelines_shown, onward, progress_of, render_next, render_response
from core.access import EXPERT, form_only, project_view
from core.addresses import encipher
from core.errors import Conflict, DomainError, InvalidInput
from core.guidelines import version_of
from core.http import refused, render_page_or_fragment
from core.models import Guidelines
from core.policies import whole


@require_safe
@project_view(EXPERT)
def rate(request, project):
    """The response this expert judges next, with what they had filled in, or the news that nothing is left.

    It takes a lease on GET: a reservation that lapses by itself, and the same again however often one looks.
    """
    return render_next(request, project, progress_of(request))


@require_safe
@project_view(EXPERT)
def waiting(request, project):
    """News for a page that shows nothing to judge, and asks again and again: empty until something is there."""
    if not has_any_work(stages=project.stages.in_rating(), expert=request.user):
        return HttpResponse(status=204)
    return render(request, "annotation/_arrived.html", {"project": project})


@form_only
@project_view(EXPERT)
def submit(request, project, pk):
    """Save the rating and bring the next response in the same round trip."""
    sent, now = Sent(request.POST), timezone.now()
    progress = OwnProgress.of_form(request.POST.get("progress", ""), now=now)
    try:
        rating = submit_rating(
            assignment=pk,
            project=project,
            by=request.user,
            now=now,
            guidelines=guidelines_shown(request),
            **sent.as_rating(),
        )
    except DomainError as error:
        return _not_taken(request, _own_slot(request, project, pk), error, sent, progress)
    more = progress and progress.after(rating)
    policy = whole(rating.response.stage.policy)
    given = ", ".join(f"{asked} {answer}" for asked, answer in told(policy, sent.answers) if answer)
    return onward(request, project, more, rating.response.stage, news=f"Saved. {given}.")


@form_only
@project_view(EXPERT)
def take_back(request, project, pk):
    """Take back a rating of one's own and bring it to the desk again, with its answers as the draft."""
    rating = Rating.objects.visible_to(request.user).filter(response__stage__project=project, pk=pk).first()
    if rating is None:
        raise Http404("No such rating of yours.")
    try:
        slot = withdraw_rating(rating=rating, by=request.user, now=timezone.now())
    except Conflict as error:
        messages.warning(request, str(error))
        return onward(request, project, progress_of(request))
    news = gettext("Taken back: change it and submit it again.")
    if request.htmx:
        return render_response(request, slot, progress_of(request), news=news)
    messages.success(request, news)
    return redirect("annotation:rate", slug=project.slug)


@form_only
@project_view(EXPERT)
def draft(request, project, pk):
    """Keep what is filled in so far. Scripts get the draft's version and no page, a plain form the page again."""
    slot, sent = _own_slot(request, project, pk), Sent(request.POST)
    is_script = request.headers.get("x-requested-with") == "fetch"
    try:
        kept = _keep(slot, request.user, sent)
    except DraftMoved as error:
        if is_script:
            return HttpResponse(status=409, headers={"Draft-Version": error.draft.version})
        return _choose(request, slot, None, sent, error.draft)
    if is_script:
        return HttpResponse(status=204, headers={"Draft-Version": kept.version})
    messages.success(request, "Kept as a draft.")
    return redirect("annotation:rate", slug=project.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(EXPERT)
def decline_response(request, project, pk):
    """Ask why a response cannot be judged, and hand it to somebody else."""
    slot = _own_slot(request, project, pk)
    reason, fault = request.POST.get("reason", ""), ""
    if request.method == "POST":
        try:
            decline(assignment=slot, by=request.user, reason=reason, now=timezone.now())
        except InvalidInput as error:
            fault = str(error)
        except Conflict as error:
            messages.warning(request, str(error))
            return onward(request, project, progress_of(request))
        else:
            return onward(request, project, progress_of(request), news="Passed on to another expert.")
    context = {"project": project, "slot": slot, "reason": reason, "fault": fault}
    answer = render_page_or_fragment(
        request,
        "annotation/decline.html",
        "annotation/_decline.html",
        context,
        status=422 if fault else 200,
    )
    # The dialog asks again; only an accepted reason brings the next response.
    answer["HX-Retarget"] = "#decline"
    return answer


@require_safe
@project_view()
def guidelines(request, project, version=None):
    """The project's guidelines on a page of their own, for browsers without script and a second tab; any version."""
    try:
        shown = version_of(project.pk, project.guidelines_version if version is None else version)
    except Guidelines.DoesNotExist:
        raise Http404("No such version.") from None
    return render(request, "annotation/guidelines.html", {"project": project, "shown": shown})


def _own_slot(request, project, pk):
    slots = Assignment.objects.visible_to(request.user).filter(stage__project=project)
    slot = slots.select_related("response", "stage__policy").filter(pk=pk).first()
    if slot is None:
        raise Http404("No such response before you.")
    slot.stage.policy = whole(slot.stage.policy)
    return slot


def _keep(slot, user, sent):
    return save_draft(
        response=slot.response,
        by=user,
        fields=sent.as_draft(slot.stage.policy),
        writing=sent.writing,
        now=timezone.now(),
    )


def _not_taken(request, slot, error, sent, progress):
    """The answer to a form that could not become a rating. Its words are in it, or kept as the draft."""
    if isinstance(error, InvalidAnswers):
        form = RatingForm(slot.stage.policy, sent.fields, error.faults, sent.submission, sent.seen)
        return render_response(request, slot, progress, form, status=422)
    if isinstance(error, DraftMoved):
        return _choose(request, slot, progress, sent, error.draft)
    if isinstance(error, AlreadyRated):
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
    policy = slot.stage.policy
    form = RatingForm(policy, sent.fields, (), sent.submission, seen=draft.version, elsewhere=draft)
    return render_response(request, slot, progress, form, status=refused(request))


def _already(request, slot, error, sent, progress):
    """What was saved before beside what was sent now, and the way on; None where they are the same."""
    rating = with_answers(Rating.objects.filter(pk=error.rating.pk)).get()
    changes = differences(slot.stage.policy, rating_fields(rating), sent.fields)
    if not changes:
        return None
    context = {
        "project": request.project,
        "progress": progress,
        "already": {"why": error, "changes": changes, "rating": rating},
        "address": encipher("response", slot.response_id),
        "news": str(error),
    }
    return render_page_or_fragment(
        request, "annotation/rate.html", "annotation/_already.html", context, status=refused(request)
    )
