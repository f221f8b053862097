"""What a page of another room needs to show a panel of this one."""

from django import template

from exchange.forms import PromptFileForm

register = template.Library()


@register.simple_tag
def prompt_file_form():
    """The empty form of the import panel, for a page that answers no upload."""
    return PromptFileForm()
