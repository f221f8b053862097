"""How a conversation is shown: its turns, the question open, a long history folded."""

from django import template

from annotation.conversations import is_long

register = template.Library()


@register.inclusion_tag("annotation/_conversation.html")
def conversation(question, earlier, key=False, small=False):
    """The body of a pane that shows a prompt.

    `question`: its text; `earlier`: the messages before it, rows with role and text; a long history begins folded.
    `key`: h folds and unfolds it, on pages that show one prompt.
    """
    return {"question": question, "earlier": earlier, "key": key, "small": small, "folded": is_long(earlier)}
