"""The gate of a policy as a form: a row for every measure; without a number it is not asked for."""

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from core.gates import HIGHEST_BOUND, GateSpec
from core.limits import LONGEST_TAG
from core.models.gate import TAGGED, GateRule, Measure


class GateForm(forms.Form):
    """The fields of each measure are `MEASURE_bound`, `MEASURE_consequence` and, of refusals, `MEASURE_tag`."""

    def __init__(self, *args, gate=(), **kwargs):
        """`gate`: the GateSpecs that it begins with."""
        super().__init__(*args, initial=_initial(gate), **kwargs)
        for measure in Measure:
            self.fields[f"{measure}_bound"] = forms.FloatField(
                required=False,
                min_value=0,
                max_value=HIGHEST_BOUND,
                label=measure.label,
                widget=forms.TextInput(attrs={"inputmode": "decimal"}),
            )
            self.fields[f"{measure}_consequence"] = forms.ChoiceField(
                required=False,
                choices=GateRule.Consequence.choices,
                label=_("What follows: %(measure)s") % {"measure": measure.label},
            )
            if measure in TAGGED:
                self.fields[f"{measure}_tag"] = forms.CharField(
                    required=False,
                    max_length=LONGEST_TAG,
                    label=_("Tag of the prompts: %(measure)s") % {"measure": measure.label},
                )

    def clean(self):
        for measure in TAGGED:
            data = self.cleaned_data
            if data.get(f"{measure}_bound") is not None and not data.get(f"{measure}_tag"):
                self.add_error(
                    f"{measure}_tag", _("Name the tag of these prompts, or leave the number empty.")
                )
        return self.cleaned_data

    @cached_property
    def rows(self):
        """[(the measure's words, its number, what follows, its tag or None)] as bound fields."""
        return [
            (
                measure.label,
                self[f"{measure}_bound"],
                self[f"{measure}_consequence"],
                self[f"{measure}_tag"] if measure in TAGGED else None,
            )
            for measure in Measure
        ]

    def spec(self):
        """The GateSpecs of a valid form."""
        data = self.cleaned_data
        return tuple(
            GateSpec(
                str(measure),
                data[f"{measure}_bound"],
                data[f"{measure}_consequence"] or "warn",
                data.get(f"{measure}_tag", ""),
            )
            for measure in Measure
            if data[f"{measure}_bound"] is not None
        )


def _initial(gate):
    return {
        f"{rule.measure}_{name}": getattr(rule, name)
        for rule in gate
        for name in ("bound", "consequence", "tag")
    }
