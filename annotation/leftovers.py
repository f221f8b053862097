"""What is left of a stage, as its pages show it: who holds what, what was decided on it, what was set aside."""

from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Q

from annotation.counting import shown_responses
from annotation.models import Assignment, Draft, Response, Shortfall, load_earlier
from annotation.pairs import awaiting
from annotation.raters import raters_of
from annotation.searching import LONGEST_SEARCH

PER_PAGE = 50


def what_is_left(stage):
    """What annotation/left.html shows of a stage, as a dict. `held`: the slots open on a screen, the oldest first;
    `is_returned` marks those that a lead gave back to their experts."""
    counts = shown_responses(stage)
    held = Assignment.objects.filter(stage=stage, status=Assignment.Status.LEASED)
    held = held.select_related("expert", "response__prompt").defer("response__text")
    asked = Draft.objects.filter(
        response=OuterRef("response"), expert=OuterRef("expert"), returned__isnull=False
    )
    held = held.annotate(is_returned=Exists(asked)).order_by("leased_at", "pk")
    return {
        "held": list(held[:PER_PAGE]),
        "awaiting": counts.get(Response.Status.AWAITING_RATINGS, 0),
        "pairs": awaiting(stage),
        "diverging": counts.get(Response.Status.DIVERGENT, 0),
        "aside": counts.get(Response.Status.SET_ASIDE, 0),
        "experts": raters_of(stage).count(),
        "shortfalls": list(Shortfall.objects.filter(stage=stage).select_related("decided_by")),
    }


def response_list(stage, *, status="", words="", page=None):
    """What annotation/responses.html shows: the stage's responses in the order of hand-out, a page at a time.

    `status`: those with one status alone; `words`: the id of their prompt, or the beginning of it.
    """
    counts = shown_responses(stage)
    found = Response.objects.filter(stage=stage)
    if status in Response.Status.values:
        found = found.filter(status=status)
    if words:
        prompts = stage.project.prompts.filter(external_id__startswith=words[:LONGEST_SEARCH]).order_by()
        found = found.filter(prompt__in=prompts.values("pk"))
    paginator = Paginator(found.select_related("prompt", "set_aside").order_by("position"), PER_PAGE)
    if not words:
        paginator.count = counts.get(status, 0) if status in Response.Status.values else sum(counts.values())
    return {
        "stage": stage,
        "page_obj": paginator.get_page(page),
        "total": sum(counts.values()),
        "statuses": [(each.value, each.label, counts[each]) for each in Response.Status if counts.get(each)],
        "status": status,
        "q": words,
    }


def response_file(response):
    """What annotation/response.html shows of one response, as a dict."""
    slots = response.assignments.aggregate(
        rated=Count("pk", filter=Q(status=Assignment.Status.SUBMITTED)),
        held=Count("pk", filter=Q(status=Assignment.Status.LEASED)),
    )
    load_earlier([response.prompt])
    is_open = response.stage.status not in response.stage.FINAL
    return {
        "response": response,
        "stage": response.stage,
        "rated": slots["rated"],
        "held": slots["held"],
        "may_set_aside": is_open and response.status in Response.MAY_BE_SET_ASIDE,
        "may_bring_back": is_open and response.status == Response.Status.SET_ASIDE,
        "may_count_fewer": response.stage.status == response.stage.Status.RATING
        and response.status == Response.Status.AWAITING_RATINGS
        and response.k > 1,
    }
