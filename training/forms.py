"""The forms of the training room: how responses are drawn, what a run is launched with, which model goes on."""

import uuid

from django import forms
from django.utils.translation import gettext_lazy as _

from annotation.models import Sampling
from core.forms import TextField
from core.limits import LONGEST_REMARK, LONGEST_SYSTEM_PROMPT
from core.projects import base_location
from training.base_model import LONGEST
from training.generation import MOST_CANDIDATES
from training.models import Precision, TrainingRun
from training.preferring import LEAST_GAP
from training.promotion import promotable
from training.recipes import MEANS, usual_order
from training.runs import (
    LARGEST_BATCH,
    LARGEST_BETA,
    LARGEST_LEARNING_RATE,
    LARGEST_RANK,
    LARGEST_SEED,
    LONGEST_EXAMPLE,
    MOST_EPOCHS,
    SHORTEST_EXAMPLE,
)
from training.sampling import MAY_CHANGE, sampling_fields


def default_of(model, name):
    return model._meta.get_field(name).default


class OrInitial:
    """Mixed into a field: where nothing is sent, as by a form of before it was there, its initial value counts."""

    def clean(self, value):
        return super().clean(self.initial if value in self.empty_values else value)


class NumberOrInitial(OrInitial, forms.IntegerField):
    pass


class DecimalOrInitial(OrInitial, forms.FloatField):
    pass


class ObjectiveField(OrInitial, forms.ChoiceField):
    """Which objective a form is for; it is chosen by the page's address, and sent along."""

    def __init__(self):
        choices = TrainingRun.Objective.choices
        super().__init__(choices=choices, initial=TrainingRun.Objective.SFT, widget=forms.HiddenInput)


class PrecisionField(OrInitial, forms.ChoiceField):
    def __init__(self, **kwargs):
        super().__init__(choices=Precision.choices, initial=Precision.AUTO, **kwargs)


class SamplingForm(forms.Form):
    """How the model draws its responses."""

    temperature = forms.FloatField(
        min_value=0,
        max_value=2,
        initial=default_of(Sampling, "temperature"),
        help_text="0 always takes the likeliest word.",
        widget=forms.NumberInput(attrs={"step": "0.05"}),
    )
    top_p = forms.FloatField(
        min_value=0.01,
        max_value=1,
        initial=default_of(Sampling, "top_p"),
        label="Top-p",
        help_text="Draw from this share of the probability.",
        widget=forms.NumberInput(attrs={"step": "0.01"}),
    )
    repetition_penalty = forms.FloatField(
        min_value=1,
        max_value=2,
        initial=default_of(Sampling, "repetition_penalty"),
        help_text="1 is none.",
        widget=forms.NumberInput(attrs={"step": "0.05"}),
    )
    max_new_tokens = forms.IntegerField(
        min_value=1,
        max_value=4096,
        initial=default_of(Sampling, "max_new_tokens"),
        label="Longest response",
        help_text="In tokens, about ¾ of a word each.",
    )
    batch_size = forms.IntegerField(
        min_value=1,
        max_value=512,
        initial=default_of(Sampling, "batch_size"),
        label="Prompts at a time",
        help_text="More is quicker and takes more memory.",
    )
    precision = PrecisionField(
        help_text="bf16 takes half the memory. Automatic: fp32 on a CPU, bf16 on a GPU.",
    )
    seed = forms.IntegerField(
        min_value=0, max_value=LARGEST_SEED, initial=0, help_text="The same seed draws the same responses."
    )
    candidates = NumberOrInitial(
        min_value=1,
        max_value=MOST_CANDIDATES,
        initial=1,
        label=_("Responses to a prompt"),
        help_text=_("Several tell more of a model, and are as much more work for the experts."),
    )
    system_prompt = TextField(
        required=False,
        rows=2,
        max_length=LONGEST_SYSTEM_PROMPT,
        label="System prompt",
        help_text="Said to the model before every prompt that has no system message of its own, in training too. "
        "Empty: the model’s own.",
    )

    @classmethod
    def of_run(cls, run, data=None, *, answered):
        """The form with which a generation that ended badly is launched again. Its seed and its candidates stay.

        So does how responses are drawn, where some prompts are `answered`.
        """
        form = cls(data, initial=sampling_fields(run.sampling) | {"precision": run.precision})
        del form.fields["seed"], form.fields["candidates"]
        for name, field in form.fields.items():
            field.disabled = answered and name not in MAY_CHANGE
        return form

    def sampling(self):
        """The Sampling row of a valid form."""
        others = ("seed", "precision", "candidates")
        fields = {name: value for name, value in self.cleaned_data.items() if name not in others}
        return Sampling.objects.get_or_create(**fields)[0]


class ModelChoice(forms.ModelChoiceField):
    """A choice of model versions that says of each how it stands to the stage."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, queryset=None, **kwargs)

    def of_stage(self, stage):
        """Offer the stage's project's models that have weights, the newest first."""
        self.stage = stage
        self.queryset = promotable(stage).select_related("training_run__stage")

    def label_from_instance(self, model):
        if model == self.stage.model_version:
            return f"{model}, which answered in {self.stage}"
        run = getattr(model, "training_run", None)
        if run is None:
            return str(model)
        of_group = f", trial {run.trial} of group {run.group_id}, seed {run.seed}" if run.group_id else ""
        return f"{model}, trained on {run.stage} by run {run.pk}{of_group}"


class LaunchForm(forms.Form):
    """The hyperparameters of a run. `submission` makes the form, sent twice, one run."""

    OF_RUN = (
        "base", "learning_rate", "epochs", "batch_size", "max_length", "precision", "seed", "objective", "beta",
        "lora_rank",
    )  # fmt: skip
    submission = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    base = ModelChoice(required=False, label="Start from", help_text="The model whose weights are tuned.")
    learning_rate = forms.FloatField(
        max_value=LARGEST_LEARNING_RATE,
        initial=default_of(TrainingRun, "learning_rate"),
        help_text="The first step’s; it falls to 0 by the last.",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    epochs = forms.IntegerField(
        min_value=1,
        max_value=MOST_EPOCHS,
        initial=default_of(TrainingRun, "epochs"),
        help_text="How often each example is seen.",
    )
    batch_size = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_BATCH,
        initial=default_of(TrainingRun, "batch_size"),
        help_text="Examples a step.",
    )
    max_length = NumberOrInitial(
        min_value=SHORTEST_EXAMPLE,
        max_value=LONGEST_EXAMPLE,
        initial=default_of(TrainingRun, "max_length"),
        label="Longest example",
        help_text="In tokens. Longer ones are left out; shorter takes less memory.",
    )
    precision = PrecisionField(
        help_text="Automatic: bf16 where the hardware is quick at it. Weights and optimizer stay fp32.",
    )
    seed = forms.IntegerField(
        min_value=0,
        max_value=LARGEST_SEED,
        initial=default_of(TrainingRun, "seed"),
        help_text="Order of examples and dropout.",
    )
    objective = ObjectiveField()
    lora_rank = NumberOrInitial(
        required=False,
        min_value=0,
        max_value=LARGEST_RANK,
        initial=0,
        label="Rank of adapters (LoRA)",
        help_text="0 trains all weights. 8 to 64 trains low-rank adapters, merged at the end: a fraction of the disk "
        "and memory, at about ten times the learning rate.",
    )
    beta = DecimalOrInitial(
        required=False,
        max_value=LARGEST_BETA,
        initial=default_of(TrainingRun, "beta"),
        label="β",
        help_text="How closely it holds to the model it begins with: 0.1 is usual, more holds closer.",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    order = forms.CharField(
        required=False,
        label="Order of axes",
        help_text="By their keys, with commas. The first on which two answers differ enough decides; what stands "
        "behind it is not looked at.",
    )
    least_gap = DecimalOrInitial(
        required=False,
        max_value=1,
        initial=LEAST_GAP,
        label="Least difference",
        help_text="As a share of the axis’ range: 0.25 is one point of 1 to 5.",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    all_axes = forms.BooleanField(
        required=False,
        label="All axes together decide",
        help_text="An answer is better where it is good on all of these axes at once (soft-AND), whatever their order.",
    )

    def __init__(self, *args, stage, like=None, objective=None, **kwargs):
        """`like`: the run whose settings the form begins with; `objective`: the one it is for, without any SFT."""
        kwargs["initial"] = {name: getattr(like, name) for name in self.OF_RUN} if like is not None else {}
        if objective:
            kwargs["initial"]["objective"] = objective
        super().__init__(*args, **kwargs)
        self._keep_what_is_needed(stage)
        base = self.fields["base"]
        base.of_stage(stage)
        if stage.model_version is not None and stage.model_version.location:
            base.empty_label, base.initial, base.required = None, stage.model_version, True
        else:
            base.empty_label = f"The base model ({base_location(stage.project)})"

    def _keep_what_is_needed(self, stage):
        """Ask for what the objective has a use for, and nothing else."""
        if "objective" not in self.fields:
            return
        asked = self["objective"].value()
        self.means = MEANS[asked if asked in MEANS else TrainingRun.Objective.SFT]
        if not self.means.has_beta:
            del self.fields["beta"]
        if self.means.has_order:
            self.fields["order"].initial = ", ".join(usual_order(stage.policy.rubric))
        else:
            del self.fields["order"], self.fields["all_axes"]
        if not self.means.has_gap:
            del self.fields["least_gap"]
        if "learning_rate" not in self.initial:
            self.initial["learning_rate"] = self.means.learning_rate

    def clean_order(self):
        keys = [key.strip() for key in self.cleaned_data["order"].split(",")]
        return [key for key in keys if key] or None

    def clean_learning_rate(self):
        rate = self.cleaned_data["learning_rate"]
        if rate <= 0:
            raise forms.ValidationError("The learning rate must lie above 0.")
        return rate


class PromotionForm(forms.Form):
    """Which model the next stage asks, and why."""

    model_version = ModelChoice(label="Model")
    reason = TextField(
        rows=3,
        max_length=LONGEST_REMARK,
        label="Reason",
        help_text="A sentence on why this model goes on. Everyone who sees the stages can read it.",
    )

    def __init__(self, *args, stage, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["model_version"].of_stage(stage)
        self.fields["model_version"].empty_label = "Choose a model"


class AliasForm(forms.Form):
    """A name that is to point at a model, and why."""

    name = forms.SlugField(max_length=40, label=_("Name"), help_text=_("Such as champion."))
    reason = TextField(
        rows=2, max_length=LONGEST_REMARK, label=_("Reason"), help_text=_("Why it points here from now on.")
    )


class RetractionForm(forms.Form):
    """Which ratings are withdrawn, and why."""

    ratings = forms.MultipleChoiceField(
        required=False, label=_("Ratings"), widget=forms.CheckboxSelectMultiple
    )
    reason = TextField(
        rows=3,
        max_length=LONGEST_REMARK,
        label=_("Reason"),
        help_text=_("Why these ratings are not to be relied on. It stays with them."),
    )

    def __init__(self, *args, ratings=None, **kwargs):
        """`ratings`: those to choose from; None where all of a person go."""
        super().__init__(*args, **kwargs)
        if ratings is None:
            del self.fields["ratings"]
        else:
            self.fields["ratings"].choices = [
                (rating.pk, f"{rating.expert}, {rating.submitted_at:%-d %b %Y}") for rating in ratings
            ]


class BaseModelForm(forms.Form):
    """Where a project's base model comes from."""

    location = forms.CharField(
        required=False,
        label=_("Model"),
        max_length=LONGEST,
        widget=forms.TextInput(attrs={"list": "models", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "A hub id such as owner/name, package:NAME for one that comes as a wheel, or an absolute folder."
        ),
    )
