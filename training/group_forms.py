"""The form that launches a run group: several seeds, and several values of a few settings."""

import math
import re

from django import forms
from django.utils.translation import gettext_lazy as _

from core.limits import MOST_DIGITS
from training.forms import LaunchForm, default_of
from training.grid import GRID, draw_seeds
from training.models import TrainingRun

LONGEST_LIST = 400
"""Characters of a list of seeds or values: more than the longest that a group can have."""


class NumbersField(forms.CharField):
    """Several numbers in a line, separated by commas, semicolons or blanks; cleaned to a list."""

    def __init__(self, *, number=int, **kwargs):
        self.number = number
        super().__init__(
            max_length=LONGEST_LIST,
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            **kwargs,
        )

    def prepare_value(self, value):
        if not isinstance(value, list):
            return value
        return ", ".join(f"{each:g}" if self.number is float else str(each) for each in value)

    def clean(self, value):
        words = [word for word in re.split(r"[\s,;]+", super().clean(value)) if word]
        try:
            found = [self.number(word) for word in words if len(word) <= MOST_DIGITS]
        except ValueError:
            found = []
        if not found or len(found) < len(words) or not all(map(math.isfinite, found)):
            example = "0.0001, 0.00005" if self.number is float else "2, 3"
            raise forms.ValidationError(f"Write numbers with commas between them, such as {example}.")
        return found


class GroupForm(LaunchForm):
    """The seeds and values of a run group, and what its runs have in common.

    `told`: how many runs the page has said that it launches, so that nobody launches more than they have seen.
    """

    OWN = (*GRID, "seeds", "told")
    learning_rate = NumbersField(
        number=float,
        initial=[default_of(TrainingRun, "learning_rate")],
        label=_("Learning rates"),
        help_text=_("Each is tried with every other value."),
    )
    epochs = NumbersField(
        initial=[default_of(TrainingRun, "epochs")],
        label=_("Epochs"),
        help_text=_("Of each run the epoch with the lowest validation loss is kept."),
    )
    batch_size = NumbersField(
        initial=[default_of(TrainingRun, "batch_size")],
        label=_("Batch sizes"),
        help_text=_("Examples a step."),
    )
    lora_rank = NumbersField(
        initial=[default_of(TrainingRun, "lora_rank")],
        label=_("LoRA ranks"),
        help_text=_("0 trains the weights themselves."),
    )
    seed = None
    # A group learns by SFT.
    objective = beta = order = least_gap = all_axes = None
    seeds = NumbersField(
        label=_("Training seeds"),
        help_text=_(
            "Order of examples and dropout. These are drawn from the project’s seed; three say how far a "
            "result rests on chance."
        ),
    )
    told = forms.IntegerField(required=False, widget=forms.HiddenInput(attrs={"data-fresh": ""}))

    def __init__(self, *args, stage, **kwargs):
        super().__init__(*args, stage=stage, **kwargs)
        self.fields["seeds"].initial = draw_seeds(stage.project.seed)

    def clean_learning_rate(self):
        return self.cleaned_data["learning_rate"]

    def values(self):
        """{setting of the grid: its values} of a valid form, or those it begins with."""
        return {name: self._asked(name) for name in GRID}

    def seeds_asked(self):
        return self._asked("seeds")

    def _asked(self, name):
        if self.is_bound:
            return self.cleaned_data.get(name) or []
        return self.get_initial_for_field(self.fields[name], name)

    def common(self):
        """What all runs of the group have in common, as `launch_group` takes it; of a valid form."""
        return {name: value for name, value in self.cleaned_data.items() if name not in self.OWN}

    def common_fields(self):
        """The visible fields of what the runs have in common, but for the model they start from."""
        return [field for field in self.visible_fields() if field.name not in (*self.OWN, "base")]
