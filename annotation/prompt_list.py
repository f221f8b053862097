"""The project's prompts as a page shows them: searched, filtered, a page at a time."""

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q

from annotation.counting import shown_prompts
from annotation.models import Prompt, PromptMessage, PromptTag, load_earlier
from core.models import Stage

PER_PAGE = 50


def prompt_list(project, *, words="", split="", page=None):
    """What annotation/prompts.html shows, as a dict.

    `words`: a part of any message or of the id, or a tag; `split`: one split alone; `page`: its number, the first if it
    is none.
    """
    found = Prompt.objects.filter(project=project)
    splits = shown_prompts(project)
    if split in Prompt.Split.values:
        found = found.filter(split=split)
    if words:
        found = found.filter(
            Q(text__icontains=words)
            | Q(external_id__icontains=words)
            | Q(Exists(PromptTag.objects.filter(prompt=OuterRef("pk"), name=words)))
            | Q(Exists(PromptMessage.objects.filter(prompt=OuterRef("pk"), text__icontains=words)))
        )
    found = found.prefetch_related("tags").order_by("position")
    paginator = Paginator(found, PER_PAGE)
    if not words:
        paginator.count = splits.get(split, 0) if split in Prompt.Split.values else sum(splits.values())
    shown = paginator.get_page(page)
    shown.object_list = list(shown.object_list)
    load_earlier(shown.object_list)
    newest = project.stages.turns().order_by("-number").first()
    return {
        "project": project,
        "page_obj": shown,
        "total": sum(splits.values()),
        "splits": [(each.value, each.label, splits.get(each.value, 0)) for each in Prompt.Split],
        "q": words,
        "split": split,
        "loop_begun": newest is not None,
        "may_open_stage": bool(splits) and (newest is None or newest.status == Stage.Status.LABELS_FINAL),
    }
