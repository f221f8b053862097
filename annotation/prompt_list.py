"""The project's prompts as a page shows them: searched, filtered, a page at a time."""

from django.core.paginator import Paginator
from django.db.models import prefetch_related_objects

from annotation.counting import shown_prompts
from annotation.models import Prompt, load_earlier
from annotation.searching import found_words
from core.models import Stage

PER_PAGE = 50
MOST_FOUND = 1000
"""So that a search for what stands in every prompt of a large project need not look at all of them."""


def prompt_list(project, *, words="", split="", aside=False, page=None):
    """What annotation/prompts.html shows, as a dict.

    `words`: a part of any message, of the id or of a tag, whatever its case and accents; MOST_FOUND at most are found.
    `split`: one split alone; `aside`: those alone that were set aside; `page`: its number, the first if it is none.
    """
    aside_count = Prompt.objects.filter(project=project, set_aside__isnull=False).count()
    splits = shown_prompts(project)
    is_split = split in Prompt.Split.values
    if words:
        paginator = Paginator(_found(project, words, split if is_split else None, aside), PER_PAGE)
    else:
        listed = Prompt.objects.filter(
            project=project,
            **({"split": split} if is_split else {}),
            **({"set_aside__isnull": False} if aside else {}),
        )
        paginator = Paginator(listed.order_by("position"), PER_PAGE)
        if not aside:
            paginator.count = splits.get(split, 0) if is_split else sum(splits.values())
    shown = paginator.get_page(page)
    found = Prompt.objects.in_bulk(shown.object_list) if words else None
    shown.object_list = [found[key] for key in shown.object_list] if words else list(shown.object_list)
    prefetch_related_objects(shown.object_list, "tags")
    load_earlier(shown.object_list)
    newest = project.stages.turns().order_by("-number").first()
    return {
        "project": project,
        "page_obj": shown,
        "total": sum(splits.values()),
        "splits": [(each.value, each.label, splits.get(each.value, 0)) for each in Prompt.Split],
        "q": words,
        "found_more": words and paginator.count == MOST_FOUND,
        "split": split,
        "aside": aside,
        "aside_count": aside_count,
        "loop_begun": newest is not None,
        "may_open_stage": bool(splits) and (newest is None or newest.status == Stage.Status.LABELS_FINAL),
    }


def _found(project, words, split, aside):
    """Keys of the prompts in which `words` stand, the first MOST_FOUND of them: as prompts come in, keys rise."""
    found = found_words(project, words)
    if split:
        found = found.filter(prompt__split=split)
    if aside:
        found = found.filter(prompt__set_aside__isnull=False)
    return list(found.order_by("prompt").values_list("prompt", flat=True)[:MOST_FOUND])


def prompt_file(prompt):
    """What annotation/prompt.html shows of one prompt, as a dict: its responses and failures, the newest first."""
    responses = prompt.responses.select_related("stage", "model_version").defer("text").order_by("-pk")
    failures = prompt.unanswered.select_related("stage__model_version").order_by("-pk")
    answered = list(responses[:PER_PAGE])
    return {
        "prompt": prompt,
        "responses": answered,
        "failures": list(failures[:PER_PAGE]),
        "may_edit": not answered,
    }
