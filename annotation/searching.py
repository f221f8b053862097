"""Finding prompts by what they say, without minding case or accents, in every script and on both databases.

What is compared is written with the prompt (PromptWords), in the form of core.texts.folded: databases fold few scripts.
"""

from itertools import groupby

from django.db.models import Value
from django.db.models.functions import StrIndex

from annotation.models import PromptMessage, PromptTag, PromptWords
from core.bulk import insert_rows
from core.texts import folded

LONGEST_SEARCH = 200
"""Characters that are compared of what somebody searches for."""


def words_of(external_id, texts, tags):
    """What a prompt with that id, messages and tags is found by. No search reaches over the border of two of them."""
    return "\n".join(folded(each) for each in (external_id, *texts, *tags))


def found_words(project, search):
    """PromptWords of the project's prompts in which `search` stands."""
    # As quick as a database looks through text: it compares bytes, where LIKE knows patterns and letters.
    place = StrIndex("text", Value(folded(search[:LONGEST_SEARCH])))
    return PromptWords.objects.filter(project=project).alias(place=place).filter(place__gt=0)


def write_words(prompts):
    """Write anew what each of `prompts` (rows of one project) is found by, after its text, id or tags have changed."""
    keys = [prompt.pk for prompt in prompts]
    texts = _by_prompt(PromptMessage.objects.filter(prompt__in=keys).order_by("prompt", "position"), "text")
    tags = _by_prompt(PromptTag.objects.filter(prompt__in=keys).order_by("prompt", "name"), "name")
    PromptWords.objects.filter(prompt__in=keys).delete()
    insert_rows(
        PromptWords,
        ("prompt", "project", "text"),
        (
            (
                prompt.pk,
                prompt.project_id,
                words_of(
                    prompt.external_id, [*texts.get(prompt.pk, ()), prompt.text], tags.get(prompt.pk, ())
                ),
            )
            for prompt in prompts
        ),
    )


def _by_prompt(rows, name):
    pairs = groupby(rows.values_list("prompt", name), key=lambda pair: pair[0])
    return {prompt: [value for _, value in each] for prompt, each in pairs}
