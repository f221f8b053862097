"""The forms of a project's setup: its name and guidelines, rubric and policy, people."""

import re

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.functional import cached_property

from core.gate_forms import GateForm
from core.limits import LONGEST_PASSWORD, LONGEST_PERSON, LONGEST_REMARK, LONGEST_WORD, whole_number
from core.models import Membership, Policy, User
from core.projects import specs_of
from core.rubrics import AxisSpec, LabelSetSpec, LabelValueSpec, PolicySpec, RubricSpec
from core.scales import HIGHEST_BOUND, LOWEST_BOUND, Scale
from core.texts import tidy
from core.unseen import deceives

MOST_ROWS = 30


def shows_itself(name):
    """Refuses a name of which a character cannot be seen, or reorders the others."""
    if deceives(name):
        raise forms.ValidationError("Remove the invisible characters: this name must read as it is written.")


class TextField(forms.CharField):
    """A text of several lines. Browsers end each with CR and LF; it is measured and kept as core.texts.tidy has it."""

    def __init__(self, *, rows, **options):
        super().__init__(strip=False, widget=forms.Textarea(attrs={"rows": rows, "dir": "auto"}), **options)

    def to_python(self, value):
        return tidy(super().to_python(value))


class ProjectForm(forms.Form):
    name = forms.CharField(max_length=LONGEST_WORD, validators=[shows_itself])
    guidelines = TextField(
        required=False,
        rows=10,
        max_length=LONGEST_REMARK,
        help_text="Markdown. Experts open it with one key while they rate.",
    )


class RenameForm(forms.Form):
    name = forms.CharField(max_length=LONGEST_WORD, validators=[shows_itself])


class CopyForm(RenameForm):
    with_people = forms.BooleanField(required=False, label="With the same people in the same roles")


class DeleteForm(forms.Form):
    name = forms.CharField(
        max_length=LONGEST_WORD,
        label="Type the project’s name to delete it",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class GuidelinesForm(forms.Form):
    """The guidelines to be saved, and the version that they were written over."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    guidelines = TextField(
        required=False,
        label="Text",
        rows=24,
        max_length=LONGEST_REMARK,
        help_text="Markdown. Experts open it with one key while they rate.",
    )


class MemberForm(forms.Form):
    """An existing account and the role it gets."""

    username = forms.CharField(
        max_length=LONGEST_PERSON, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(choices=Membership.Role.choices)

    def clean_username(self):
        try:
            self.person = User.objects.get_by_natural_key(self.cleaned_data["username"])
        except User.DoesNotExist:
            raise forms.ValidationError("There is no such account: create it below.") from None
        if not self.person.is_active:
            raise forms.ValidationError(
                "This account is switched off: an admin of the site can switch it on."
            )
        return self.cleaned_data["username"]


class AccountForm(forms.Form):
    """A new account and its first role."""

    username = forms.CharField(
        max_length=LONGEST_PERSON,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    full_name = forms.CharField(
        required=False, max_length=LONGEST_PERSON, label="Full name", validators=[shows_itself]
    )
    email = forms.EmailField(required=False, label="E-mail")
    password = forms.CharField(
        required=False,
        max_length=LONGEST_PASSWORD,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least ten characters. Left empty, you get a link by which the person chooses one.",
    )
    role = forms.ChoiceField(choices=Membership.Role.choices)

    def clean_password(self):
        password = self.cleaned_data["password"]
        if password:
            password_validation.validate_password(password)
        return password


class Row(forms.Form):
    """One row of a formset. `key` names the same thing from version to version."""

    key = forms.SlugField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(
        max_length=80,
        validators=[shows_itself],
        error_messages={"required": "Give it a name, or mark it to be removed."},
    )

    @cached_property
    def changed_data(self):
        """The place alone makes no row of a blank one."""
        return [name for name in super().changed_data if name != "ORDER"]

    def key_or_new(self, keys):
        return self.cleaned_data["key"] or keys.give(self.cleaned_data["name"])


class AxisForm(Row):
    """An axis with its range, what the policy holds for it, and an anchor for every point of a short range or for the
    ends of a long one. τ and the cuts may stay empty: then they are the usual ones of the range."""

    question = forms.CharField(max_length=300)
    lowest = forms.IntegerField(
        min_value=LOWEST_BOUND, max_value=HIGHEST_BOUND, initial=Scale.lowest, help_text="Poor."
    )
    highest = forms.IntegerField(
        min_value=LOWEST_BOUND, max_value=HIGHEST_BOUND, initial=Scale.highest, help_text="Excellent."
    )
    tau = forms.IntegerField(
        required=False, min_value=0, label="Tolerance τ", help_text="A wider spread diverges."
    )
    aligned_cut = forms.IntegerField(
        required=False,
        min_value=0,
        label="Aligned ≥",
        help_text="Every axis at least this. Empty: ¾ of the range.",
    )
    misaligned_cut = forms.IntegerField(
        required=False,
        min_value=0,
        label="Misaligned ≤",
        help_text="Any axis at most this. Empty: ¼ of the range.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.scale = Scale(self._bound("lowest"), self._bound("highest"))
        for score in self.scale.anchored if self.scale.width > 0 else ():
            self.fields[f"anchor_{score}"] = forms.CharField(
                required=False, max_length=200, label=f"{score} means"
            )

    @property
    def range_fields(self):
        return [self[name] for name in ("lowest", "highest", "tau", "misaligned_cut", "aligned_cut")]

    @property
    def anchor_fields(self):
        """[(score, its look, field)]."""
        named = [(score, f"anchor_{score}") for score in self.scale.anchored]
        return [(score, self.scale.look(score), self[name]) for score, name in named if name in self.fields]

    def spec(self, keys):
        data = self.cleaned_data
        anchors = [(score, data[field.name]) for score, _, field in self.anchor_fields]
        return AxisSpec(
            self.key_or_new(keys),
            data["name"],
            data["question"],
            tuple((score, text) for score, text in anchors if text),
            **{name: data[name] for name in ("tau", "lowest", "highest", "aligned_cut", "misaligned_cut")},
        )

    def clean(self):
        if self.scale.width <= 0:
            self.add_error("highest", "The highest score must lie above the lowest.")
        return self.cleaned_data

    def _bound(self, name):
        """The bound as it was sent, where it can be one; else what the form began with."""
        field = self.fields[name]
        try:
            found = field.clean(self.data.get(self.add_prefix(name))) if self.is_bound else None
        except forms.ValidationError:
            found = None
        return self.get_initial_for_field(field, name) if found is None else found


class LabelSetForm(Row):
    question = forms.CharField(required=False, max_length=300)
    escalates = forms.BooleanField(required=False, initial=True, label="Different answers go to a lead")
    required = forms.BooleanField(required=False, initial=True, label="Must be answered")


class LabelValueForm(Row):
    adverse = forms.BooleanField(required=False, label="Adverse")
    abstains = forms.BooleanField(required=False, label="Means “cannot tell”")

    def clean(self):
        if self.cleaned_data.get("adverse") and self.cleaned_data.get("abstains"):
            raise forms.ValidationError("A value is adverse or means “cannot tell”, not both.")
        return self.cleaned_data

    def spec(self, keys):
        data = self.cleaned_data
        return LabelValueSpec(self.key_or_new(keys), data["name"], data["adverse"], data["abstains"])


class PolicyForm(forms.Form):
    version = forms.IntegerField(widget=forms.HiddenInput)
    ratings_per_response = forms.IntegerField(
        min_value=1,
        max_value=100,
        label="Ratings per response (k)",
        help_text="By as many different experts.",
    )
    gamma = forms.FloatField(
        min_value=-1,
        max_value=1,
        label="Coherent from (γ)",
        help_text="Cosine of prompt and response.",
        widget=forms.NumberInput(attrs={"step": "0.01"}),
    )
    agreement_rule = forms.ChoiceField(
        choices=Policy.AgreementRule.choices,
        label="Agreed score",
        help_text="Where the ratings don’t diverge.",
    )
    blind_lead = forms.BooleanField(required=False, label="Leads see experts under pseudonyms")

    def spec(self, gate):
        data = {name: value for name, value in self.cleaned_data.items() if name != "version"}
        return PolicySpec(**data, gate=gate)


def rows_of(form):
    return forms.formset_factory(
        form, extra=0, can_delete=True, can_order=True, max_num=MOST_ROWS, absolute_max=2 * MOST_ROWS
    )


def in_order(rows):
    """The rows of a formset by the places that they were given, those without one at the end."""
    places = {form: whole_number(str(form["ORDER"].value() or "")) for form in rows.forms}
    return sorted(rows.forms, key=lambda form: (places[form] is None, places[form] or 0))


AxisRows, LabelSetRows, ValueRows = rows_of(AxisForm), rows_of(LabelSetForm), rows_of(LabelValueForm)
GROWING = re.compile(r"axes|labels|labels-\d{1,3}-values")


class RubricEditor:
    """The whole rubric and policy as one form: policy, its gate, axes, and label sets with rows of values.

    Works without script: "add a row" is a submit button that brings the same form back, one row longer.
    """

    def __init__(self, *, policy=None, data=None):
        self.is_sent = data is not None
        if data is None:
            rubric, rules = specs_of(policy)
            self.policy = PolicyForm(initial=vars(rules) | {"version": policy.version}, prefix="policy")
            self.gate = GateForm(gate=rules.gate, prefix="gate")
            self.axes = AxisRows(initial=[_axis_initial(axis) for axis in rubric.axes], prefix="axes")
            self.label_sets = LabelSetRows(
                initial=[vars(labels) for labels in rubric.label_sets], prefix="labels"
            )
        else:
            self.policy = PolicyForm(data, prefix="policy")
            self.gate = GateForm(data, prefix="gate")
            self.axes = AxisRows(data, prefix="axes")
            self.label_sets = LabelSetRows(data, prefix="labels")
        for number, form in enumerate(self.label_sets.forms):
            prefix = f"labels-{number}-values"
            if data is None:
                values = [vars(value) for value in rubric.label_sets[number].values]
                form.values = ValueRows(initial=values, prefix=prefix)
            else:
                form.values = ValueRows(data, prefix=prefix)

    @classmethod
    def grown(cls, data, what):
        """The form as it was sent, with one more blank row in `what`: "axes", "labels" or "labels-N-values"."""
        data = data.copy()
        if GROWING.fullmatch(what):
            total = _count(data, what)
            data[f"{what}-TOTAL_FORMS"] = min(total + 1, MOST_ROWS)
            # What a blank row shows must be what it compares itself with, or it counts as filled in.
            if what == "axes":
                for bound in ("lowest", "highest"):
                    data[f"axes-{total}-{bound}"] = AxisForm.base_fields[bound].initial
            if what == "labels":
                data[f"labels-{total}-escalates"] = data[f"labels-{total}-required"] = "on"
                data[f"labels-{total}-values-TOTAL_FORMS"] = 2
                data[f"labels-{total}-values-INITIAL_FORMS"] = 0
        grown = cls(data=data)
        grown.is_sent = False  # it is not judged yet
        return grown

    def is_valid(self):
        valid = all([part.is_valid() for part in (self.policy, self.gate, self.axes, self.label_sets)])
        for form in self.label_sets.forms:
            if form.is_valid() and form.cleaned_data.get("DELETE"):
                continue
            valid = form.values.is_valid() and valid
            if not form.has_changed() and any(row.has_changed() for row in form.values.forms):
                form.add_error("name", "Name the label set that these values belong to.")
                valid = False
        return valid

    @property
    def problems(self):
        """Faults of the form as a whole: of row counts, and those the rules find in valid parts."""
        found = [
            *self.policy.non_field_errors(),
            *self.axes.non_form_errors(),
            *self.label_sets.non_form_errors(),
        ]
        for form in self.label_sets.forms:
            found += form.values.non_form_errors()
        return found

    def specs(self, known):
        """(RubricSpec, PolicySpec) of a valid form. `known`: the RubricKeys of its project."""
        keys = known.of_axes(_keys(self.axes))
        axes = tuple(form.spec(keys) for form in _kept(self.axes))
        keys = known.of_label_sets(_keys(self.label_sets))
        label_sets = tuple(
            self._label_set(form, form.key_or_new(keys), known) for form in _kept(self.label_sets)
        )
        return RubricSpec(axes, label_sets), self.policy.spec(self.gate.spec())

    def _label_set(self, form, key, known):
        keys = known.of_values(key, _keys(form.values))
        data = form.cleaned_data
        return LabelSetSpec(
            key,
            data["name"],
            data["question"],
            tuple(value.spec(keys) for value in _kept(form.values)),
            escalates=data["escalates"],
            required=data["required"],
        )


def _axis_initial(axis):
    return vars(axis) | {f"anchor_{score}": text for score, text in axis.anchors}


def _kept(rows):
    """The forms that are neither marked for removal nor blank additions, by the places they were given."""
    return [form for form in rows.ordered_forms if form.cleaned_data]


def _keys(rows):
    """The keys that rows of the form have already."""
    return [form.cleaned_data["key"] for form in _kept(rows) if form.cleaned_data["key"]]


def _count(data, prefix):
    try:
        return min(int(data.get(f"{prefix}-TOTAL_FORMS", 0)), MOST_ROWS)
    except ValueError:
        return 0
