"""The forms with which an admin says what becomes of what is left."""

from django import forms

from annotation.models import Shortfall
from core.forms import TextField
from core.limits import LONGEST_REMARK, LONGEST_TEXT


class ReasonForm(forms.Form):
    """Why something is set aside."""

    reason = TextField(
        rows=2,
        max_length=LONGEST_REMARK,
        label="Reason",
        help_text="A sentence. It stays with what is set aside, and the report tells it.",
    )


class PromptForm(forms.Form):
    """What a prompt says: its question, the messages before it, and the reference."""

    reference = TextField(
        required=False,
        rows=4,
        max_length=LONGEST_TEXT,
        label="Reference",
        help_text="What a good answer would say.",
    )

    def __init__(self, *args, prompt, **kwargs):
        super().__init__(*args, **kwargs)
        said = {f"message_{each.position}": each for each in prompt.earlier}
        for name, each in said.items():
            self.fields[name] = TextField(
                rows=3, max_length=LONGEST_TEXT, label=each.get_role_display(), initial=each.text
            )
        self.fields["text"] = TextField(
            rows=6, max_length=LONGEST_TEXT, label="Question", initial=prompt.text
        )
        self.fields["reference"].initial = prompt.reference
        self.order_fields([*said, "text", "reference"])
        self.positions = {name: each.position for name, each in said.items()}

    def as_correction(self):
        """Keyword arguments for `correct_prompt` of a valid form."""
        earlier = {position: self.cleaned_data[name] for name, position in self.positions.items()}
        return {
            "text": self.cleaned_data["text"],
            "earlier": earlier,
            "reference": self.cleaned_data["reference"],
        }


class ShortfallForm(forms.Form):
    """How a stage that is short of ratings goes on."""

    way = forms.ChoiceField(label="From now on", choices=Shortfall.Way.choices, widget=forms.RadioSelect)
    ratings = forms.IntegerField(
        min_value=1,
        label="Ratings that count",
        help_text="For “fewer ratings count”. What has so many is decided at once, by the rule.",
    )
    at_least = forms.IntegerField(
        min_value=0,
        label="Ratings given, at least",
        help_text="For “the lead decides”. With 0, all that awaits ratings goes to the lead.",
    )
    reason = TextField(
        rows=2,
        max_length=LONGEST_REMARK,
        label="Reason",
        help_text="A sentence. It is kept with the stage.",
    )

    def __init__(self, *args, stage, **kwargs):
        kwargs.setdefault("initial", {"ratings": max(stage.ratings_per_response - 1, 1), "at_least": 1})
        super().__init__(*args, **kwargs)


class FewerForm(forms.Form):
    """How many ratings of one response count."""

    ratings = forms.IntegerField(min_value=1, label="Ratings that count")
    reason = TextField(rows=2, max_length=LONGEST_REMARK, label="Reason")

    def __init__(self, *args, response, **kwargs):
        kwargs.setdefault("initial", {"ratings": max(response.k - 1, 1)})
        super().__init__(*args, **kwargs)
