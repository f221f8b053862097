"""Prompts and responses that people bring, from rows that `exchange` reads or any dicts: the use cases of intake."""

from annotation.importing.prompts import draw_split, import_prompts, preview_prompts
from annotation.importing.reports import PromptReport, ResponseReport
from annotation.importing.responses import import_responses, preview_responses, require_responding

__all__ = [
    "PromptReport",
    "ResponseReport",
    "draw_split",
    "import_prompts",
    "import_responses",
    "preview_prompts",
    "preview_responses",
    "require_responding",
]
