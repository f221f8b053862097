"""How a conversation is shown: its turns, the question open, a long history folded."""

from django import template

from annotation.conversations import is_long

register = template.Library()


LINE = 90  # characters that stand beside the name of their pane on a desk


@register.filter
def is_line(question, earlier):
    """Whether a prompt is one line alone, which its pane shows beside its name."""
    return not earlier and len(question) <= LINE and "\n" not in question


@register.inclusion_tag("annotation/_conversation.html")
def conversation(question, earlier, key=False, small=False):
    """The body of a pane that shows a prompt.

    `question`: its text; `earlier`: the messages before it, rows with role and text; a long history begins folded.
    `key`: h folds and unfolds it, on pages that show one prompt.
    """
    return {"question": question, "earlier": earlier, "key": key, "small": small, "folded": is_long(earlier)}
