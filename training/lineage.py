"""Where a model comes from, and where an example came from: reads for the pages of models and training sets."""

from dataclasses import dataclass, field

from django.db.models import Prefetch

from annotation.models import Rating, load_earlier
from core.models import ModelVersion, Stage
from training.models import ModelAlias, Promotion, TrainingExample, TrainingRun
from training.promotion import tell


@dataclass
class Node:
    """One model version in the tree: the run that made it, the stages it answered in, its promotions as told, its
    names."""

    model: ModelVersion
    run: TrainingRun | None
    stages: list[Stage]
    promotions: list[str]
    aliases: list[str]
    children: list["Node"] = field(default_factory=list)


def grow_tree(project):
    """The project's model versions as trees, each under its parent. Returns the roots."""
    models = (
        ModelVersion.objects.filter(project=project)
        .select_related("training_run__training_set", "training_run__stage")
        .prefetch_related(
            Prefetch("stages", queryset=Stage.objects.turns().order_by("number")),
            Prefetch(
                "promotions",
                Promotion.objects.select_related("model_version", "opened", "promoted_by", "agreed_by"),
            ),
            Prefetch("aliases", ModelAlias.objects.filter(ended_at=None)),
        )
        .order_by("id")
    )
    nodes = {
        model.pk: Node(
            model,
            getattr(model, "training_run", None),
            list(model.stages.all()),
            [tell(promotion) for promotion in model.promotions.all()],
            [alias.name for alias in model.aliases.all()],
        )
        for model in models
    }
    for node in nodes.values():
        if node.model.parent_id in nodes:
            nodes[node.model.parent_id].children.append(node)
    return [node for node in nodes.values() if node.model.parent_id not in nodes]


def describe_examples(examples):
    """The examples of one page with the whole provenance of their final labels loaded."""
    ratings = Rating.objects.select_related("expert").order_by("id")
    described = list(
        TrainingExample.objects.filter(pk__in=[example.pk for example in examples])
        .select_related(
            "final_label__response__prompt",
            "final_label__response__model_version",
            "final_label__decision__lead",
            "final_label__revision__rating__expert",
            "final_label__revision__accepted_by",
            "rejected_label__response__model_version",
            "rejected_label__response__stage",
            "axis",
        )
        .prefetch_related(Prefetch("final_label__ratings", queryset=ratings), "final_label__scores__axis")
        .order_by("position")
    )
    load_earlier(described)
    return described
