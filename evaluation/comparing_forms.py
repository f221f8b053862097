"""The forms with which an admin chooses a comparison and plans its size."""

from django import forms
from django.utils.translation import gettext_lazy as _

from core.limits import LONGEST_WORD
from core.models import Membership, Stage, User
from evaluation.opening import Choice

MOST_RATINGS = 50
LARGEST_SEED = 2**31 - 1
MOST = 100_000
KEY_DIGITS = 18
"""No row's key has more: a database refuses to look for it."""


class RowsField(forms.ModelMultipleChoiceField):
    """Several rows, chosen by their keys."""

    def clean(self, value):
        for key in value or ():
            if len(key) > KEY_DIGITS:
                words = self.error_messages["invalid_choice"]
                raise forms.ValidationError(words, code="invalid_choice", params={"value": key[:KEY_DIGITS]})
        return super().clean(value)


class ComparisonForm(forms.Form):
    """Which model versions are compared, on which held-out prompts, and who rates them."""

    model_versions = RowsField(queryset=None, label=_("Model versions"), widget=forms.CheckboxSelectMultiple)
    number = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST,
        label=_("Prompts"),
        help_text=_("Empty: all of the held-out split."),
    )
    tag = forms.CharField(
        required=False, max_length=LONGEST_WORD, label=_("Tag"), help_text=_("Empty: prompts with any.")
    )
    seed = forms.IntegerField(
        min_value=0, max_value=LARGEST_SEED, label=_("Seed"), help_text=_("Draws prompts and anchors.")
    )
    ratings = forms.IntegerField(min_value=1, max_value=MOST_RATINGS, label=_("Ratings per response"))
    mode = forms.ChoiceField(choices=Stage.Mode.choices, label=_("How they are judged"))
    overall = forms.BooleanField(
        required=False,
        label=_("Between two, one choice over all"),
        help_text=_("Else one on each axis."),
    )
    generate = forms.BooleanField(
        required=False,
        label=_("Have missing responses generated first"),
        help_text=_("By model versions that have weights, drawn as in the newest turn."),
    )
    raters = RowsField(
        queryset=None,
        required=False,
        label=_("Who rates"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all experts. Those who rated the originals are welcome."),
    )
    anchors = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST,
        label=_("Anchors"),
        help_text=_("Responses that are rated again to tell how the panel has moved."),
    )
    anchor_stage = forms.ModelChoiceField(
        queryset=None, required=False, label=_("Anchors from"), empty_label=_("no stage")
    )

    def __init__(self, *args, project, **kwargs):
        k = project.policy.ratings_per_response
        defaults = {"seed": project.seed, "ratings": k, "anchors": 0, "mode": Stage.Mode.RATED}
        super().__init__(*args, initial=defaults | (kwargs.pop("initial", None) or {}), **kwargs)
        self.fields["model_versions"].queryset = project.model_versions.order_by("pk")
        experts = User.objects.filter(memberships__in=Membership.objects.experts_of(project))
        self.fields["raters"].queryset = experts.order_by("username")
        final = project.stages.filter(status__in=Stage.FINAL)
        self.fields["anchor_stage"].queryset = final.order_by("kind", "number")

    def clean(self):
        cleaned = super().clean()
        if len(cleaned.get("model_versions") or ()) == 1:
            self.add_error("model_versions", _("Choose at least two: one alone compares with nothing."))
        if cleaned.get("anchors") and cleaned.get("anchor_stage") is None:
            self.add_error("anchor_stage", _("Choose the stage whose responses are rated again."))
        return cleaned

    def choice(self):
        """The Choice that a valid form makes."""
        given = dict(self.cleaned_data)
        return Choice(
            model_versions=list(given.pop("model_versions")),
            raters=list(given.pop("raters")),
            anchors=given.pop("anchors") or 0,
            **given,
        )


class PlanForm(forms.Form):
    """What a comparison is to find."""

    score = forms.FloatField(
        min_value=0.01,
        max_value=100,
        label=_("Change of a mean rating"),
        help_text=_("In points of the axis."),
    )
    share = forms.FloatField(
        min_value=0.1, max_value=100, label=_("Change of a share"), help_text=_("In percentage points.")
    )
    power = forms.FloatField(
        min_value=50,
        max_value=99.9,
        label=_("Found in"),
        help_text=_("Percent of such comparisons: the power."),
    )
    endpoints = forms.IntegerField(
        min_value=1, max_value=100, label=_("Endpoints"), help_text=_("Tests that Holm’s correction counts.")
    )
    versions = forms.IntegerField(min_value=2, max_value=50, label=_("Model versions"))
    ratings = forms.IntegerField(min_value=1, max_value=MOST_RATINGS, label=_("Ratings per response"))
