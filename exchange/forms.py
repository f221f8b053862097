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
        "prompt, or in JSONL messages; optional id, split (train, validation, held-out), tags, reference. Columns of "
        "other names can be chosen in the next step"
    )


class ResponseFileForm(forms.Form):
    """A file of a stage's responses."""

    file = _file(
        "prompt_id, text, model; optional candidate (0, 1, …), ratings (its own k). Columns of other names can be "
        "chosen in the next step"
    )


class ColumnsForm(forms.Form):
    """Which column of an uploaded file is which field."""

    LEFT_OUT = "– left out –"

    def __init__(self, upload, fields, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.columns = {}
        choices = [("", self.LEFT_OUT), *((name, name) for name in fields)]
        samples = upload.found.get("samples", [])
        for number, column in enumerate(upload.found.get("columns", [])):
            name = f"column-{number}"
            usual = column if column in fields else ""
            self.columns[name] = column
            self.fields[name] = forms.ChoiceField(
                required=False,
                choices=choices,
                label=column,
                initial=upload.columns.get(column, usual),
                help_text=next((row[column] for row in samples if row.get(column, "").strip()), ""),
            )

    def chosen(self):
        """{column: field, or "" where it is left out} of a valid form."""
        return {column: self.cleaned_data[name] for name, column in self.columns.items()}
