"""All that is known of one model version, for its page and its card."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from annotation.models import Response
from core.models import ModelVersion, Stage
from training.models import Gate, ModelAlias, Promotion, TrainingRun
from training.promotion import tell
from training.sources import RestsOn, line_of_descent, rests_on


@dataclass(frozen=True)
class Ancestor:
    """A model in the line from this one back to the base, the run that made it, and what that learned from."""

    model: ModelVersion
    run: TrainingRun | None
    rests_on: RestsOn | None


@dataclass(frozen=True)
class ModelFacts:
    """`line`: the model itself first, the base last; `stages`: the turns it answered; `compared_in`: the stages of
    copies it is in; `gate`: the newest, if it was measured; `promotions` as told; `names`: its aliases with their
    history."""

    model: ModelVersion
    line: list
    children: list
    stages: list
    compared_in: list
    gate: Gate | None
    promotions: list
    names: list

    @property
    def run(self):
        return self.line[0].run

    @property
    def withdrawn(self):
        """How many of the ratings that the line rests on were withdrawn since."""
        return sum(each.rests_on.withdrawn for each in self.line if each.rests_on)

    @property
    def ratings(self):
        """How many ratings the line rests on."""
        return sum(each.rests_on.ratings for each in self.line if each.rests_on)


def facts_of(model):
    """The ModelFacts of a model version; as many statements however long its line is."""
    line = line_of_descent(model)
    runs = TrainingRun.objects.filter(model_version__in=line).select_related("training_set", "stage")
    runs = {run.model_version_id: run for run in runs}
    found = rests_on({run.training_set for run in runs.values()})
    stages = Stage.objects.filter(project=model.project_id).exclude(kind=Stage.Kind.TURN)
    copied = Response.objects.filter(stage=OuterRef("pk"), model_version=model)
    promotions = Promotion.objects.filter(model_version=model)
    return ModelFacts(
        model,
        [Ancestor(each, run := runs.get(each.pk), run and found[run.training_set_id]) for each in line],
        list(model.children.order_by("pk")),
        list(Stage.objects.turns().filter(model_version=model).order_by("number")),
        list(stages.filter(Exists(copied)).order_by("kind", "number")),
        Gate.objects.filter(model_version=model)
        .select_related("model_version", "against", "compared_in")
        .prefetch_related("figures")
        .order_by("-pk")
        .first(),
        [
            tell(promotion)
            for promotion in promotions.select_related("model_version", "opened", "promoted_by", "agreed_by")
        ],
        list(ModelAlias.objects.filter(model_version=model).select_related("set_by").order_by("-pk")),
    )
