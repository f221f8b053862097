"""What a page of another room needs to show a panel of this one."""

from django import template

from exchange.forms import PromptFileForm
from exchange.queries import unfinished

register = template.Library()


@register.simple_tag
def prompt_file_form():
    """The empty form of the import panel, for a page that answers no upload."""
    return PromptFileForm()


@register.simple_tag
def unfinished_imports(project, stage=None):
    """The project's, or the stage's, uploaded files that were not imported yet, the newest few."""
    return unfinished(project, stage)
