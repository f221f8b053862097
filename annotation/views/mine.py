"""An expert's own ratings, to look back at."""

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef
from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from annotation.answer_fields import answer_fields
from annotation.answers import with_answers
from annotation.forms import RatingForm
from annotation.models import Assignment, Draft, Rating
from core.access import EXPERT, form_only, project_view
from core.http import redirect
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
        .filter(policy__in=policies)
        .select_related("response__prompt")
        .order_by("-submitted_at", "-id")
    )
    paginator = Paginator(with_answers(ratings), PER_PAGE)
    submitted = Assignment.objects.filter(expert=request.user, status=Assignment.Status.SUBMITTED)
    # By the stages' keys, so that the index alone answers.
    paginator.count = submitted.filter(stage__in=list(project.stages.values_list("pk", flat=True))).count()
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
    """One of one's own ratings, as it was given."""
    ratings = with_answers(Rating.objects.visible_to(request.user).filter(response__stage__project=project))
    rating = ratings.select_related("response__prompt", "policy__rubric", "guidelines").filter(pk=pk).first()
    if rating is None:
        raise Http404("No such rating of yours.")
    context = {
        "project": project,
        "rating": rating,
        "form": RatingForm(whole(rating.policy), answer_fields(rating)),
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
