"""The files people choose in the browser; one file each, kept there while its faults are mended."""

from django import forms


def _file(fields):
    return forms.FileField(
        label="JSONL or CSV file",
        help_text=f"Fields: {fields}. UTF-8.",
        widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json,.csv,.tsv"}),
    )


class PromptFileForm(forms.Form):
    """A file of prompts. Prefixed, because it stands on a page with other forms."""

    prefix = "prompts"
    file = _file(
        "prompt, or in JSONL messages; optional id, split (train, validation, held-out), tags, reference"
    )


class ResponseFileForm(forms.Form):
    """A file of a stage's responses."""

    file = _file("prompt_id, text, model; optional candidate (0, 1, …), ratings (its own k)")
