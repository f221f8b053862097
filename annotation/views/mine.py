"""An expert's own ratings, to look back at and to correct."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef
from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from annotation.answer_fields import answer_fields, rating_fields
from annotation.answers import InvalidAnswers, with_answers
from annotation.correcting import FINAL, correct_rating
from annotation.forms import RatingForm, Sent
from annotation.models import Assignment, Draft, Rating
from annotation.rating import OUTDATED
from core.access import EXPERT, form_only, project_view
from core.errors import Conflict
from core.http import redirect
from core.limits import whole_number
from core.models import Stage
from core.policies import whole

PER_PAGE = 25


@require_safe
@project_view(EXPERT)
def my_ratings(request, project):
    """The ratings one gave in this project, newest first, and what one wrote for responses that closed."""
    # A rating's policy tells its project as its response does, and stands in its own row: the index keeps its order.
    policies = list(project.policies.values_list("pk", flat=True))
    ratings = (
        Rating.objects.visible_to(request.user)
        .current()
        .filter(policy__in=policies)
        .select_related("response__prompt")
        .order_by("-submitted_at", "-id")
    )
    paginator = Paginator(with_answers(ratings), PER_PAGE)
    # By the stages' keys, so that the index alone answers; a slot that a lead returned keeps its rating.
    submitted = Assignment.objects.filter(expert=request.user, status=Assignment.Status.SUBMITTED)
    submitted = submitted.filter(stage__in=list(project.stages.values_list("pk", flat=True)))
    returned = ratings.filter(pk__in=request.user.drafts.filter(returned__isnull=False).values("replaces"))
    returned = returned.filter(assignment__status=Assignment.Status.LEASED)
    paginator.count = submitted.count() + returned.count()
    page = paginator.get_page(request.GET.get("page"))
    context = {
        "project": project,
        "page_obj": page,
        "leftovers": _leftovers(request.user, project),
        "called_in": _called_in(request.user, project),
    }
    return render(request, "annotation/my_ratings.html", context)


@require_safe
@project_view(EXPERT)
def my_rating(request, project, pk):
    """One of one's own ratings, as it was given, and the others one gave on the same response."""
    rating = _own_rating(request, project, pk)
    context = {
        "project": project,
        "rating": rating,
        "form": RatingForm(whole(rating.policy), answer_fields(rating)),
        "versions": _versions(rating),
        "may_correct": _why_fixed(rating) is None,
    }
    return render(request, "annotation/my_rating.html", context)


@form_only
@project_view(EXPERT)
def called_in(request, project):
    """One has read that an admin took back what one had open."""
    Draft.objects.filter(expert=request.user, response__stage__project=project).update(called_in_at=None)
    return redirect(request, reverse("annotation:my-ratings", args=[project.slug]))


def _called_in(user, project):
    """The drafts of what an admin took back from this expert, until they say that they have read so."""
    drafts = Draft.objects.filter(expert=user, response__stage__project=project, called_in_at__isnull=False)
    return list(drafts.select_related("response__prompt").order_by("-called_in_at")[:PER_PAGE])


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(EXPERT)
def correct(request, project, pk):
    """A rating of one's own as a form; what is sent takes its place."""
    rating = _own_rating(request, project, pk)
    if request.method != "POST" and (why := _why_fixed(rating)):
        messages.warning(request, why)
        return _to(request, rating)
    if request.method != "POST":
        return _render_correction(request, rating, RatingForm(whole(rating.policy), rating_fields(rating)))
    sent = Sent(request.POST)
    form = RatingForm(whole(rating.policy), sent.fields, submission=sent.submission)
    guidelines = whole_number(request.POST.get("guidelines", ""))
    try:
        given = sent.as_rating()
        del given["writing"]  # no draft leads to a correction
        corrected = correct_rating(
            rating=rating, by=request.user, guidelines=guidelines, now=timezone.now(), **given
        )
    except InvalidAnswers as error:
        form = RatingForm(whole(rating.policy), sent.fields, error.faults, sent.submission)
        return _render_correction(request, rating, form, status=422)
    except Conflict as error:
        return _render_correction(request, rating, form, error=error, status=error.status_code)
    messages.success(request, gettext("Corrected. The rating before stays in the record."))
    return _to(request, corrected)


def _to(request, rating):
    return redirect(request, reverse("annotation:my-rating", args=[request.project.slug, rating.pk]))


def _own_rating(request, project, pk):
    ratings = with_answers(Rating.objects.visible_to(request.user).filter(response__stage__project=project))
    related = ("response__prompt", "response__stage", "policy__rubric", "guidelines")
    rating = ratings.select_related(*related).filter(pk=pk).first()
    if rating is None:
        raise Http404("No such rating of yours.")
    return rating


def _versions(rating):
    """All that its expert gave on this response, in the order given; empty where it is the only one."""
    if rating.supersedes_id is None and rating.superseded_at is None:
        return []
    mine = Rating.objects.filter(response=rating.response, expert=rating.expert)
    return sorted([*mine.current(), *mine.superseded()], key=lambda each: each.pk)


def _why_fixed(rating):
    """Why a rating can be corrected no more, in a sentence; None where it can."""
    if rating.response.stage.status != Stage.Status.RATING:
        return FINAL
    return None if rating.superseded_at is None else OUTDATED


def _render_correction(request, rating, form, error=None, status=200):
    context = {"project": request.project, "rating": rating, "form": form, "error": error}
    if error is not None:
        mine = Rating.objects.visible_to(request.user).current().filter(response=rating.response)
        context |= {
            "latest": mine.first(),
            "may_correct": rating.response.stage.status == Stage.Status.RATING,
        }
    return render(request, "annotation/correct.html", context, status=status)


def _leftovers(user, project):
    """Drafts with something in them whose response the expert neither holds nor can take up again."""
    open_or_held = Assignment.objects.filter(response=OuterRef("response"), status__in=Assignment.ACTIVE)
    drafts = Draft.objects.filter(~Exists(open_or_held), expert=user, response__stage__project=project)
    return [
        draft
        for draft in drafts.exclude(fields={})
        .select_related("response__prompt")
        .order_by("-updated_at")[:PER_PAGE]
        if draft.fields.get("comment") or draft.fields.get("revised_response")
    ]
