"""What a training set rests on, and every model that learned from an expert, a rubric, guidelines or a rating."""

from dataclasses import dataclass, field

from django.db.models import Count, Q

from arbitration.models import FinalLabel
from core.models import ModelVersion
from training.models import TrainingExample, TrainingRun, TrainingSet, TrainingSource


def note_sources(training_set):
    """Write down whose ratings a set rests on that was just frozen: those behind its labels, of pairs behind both."""
    rows = (
        labels_of(training_set)
        .filter(ratings__isnull=False)
        .order_by()
        .values_list("ratings__expert", "ratings__policy", "ratings__guidelines")
        .annotate(Count("ratings"), Count("ratings__retracted"))
    )
    TrainingSource.objects.bulk_create(
        TrainingSource(
            training_set=training_set,
            expert_id=expert,
            policy_id=policy,
            guidelines_id=guidelines,
            ratings=number,
            withdrawn=withdrawn,
        )
        for expert, policy, guidelines, number, withdrawn in rows
    )


def labels_of(training_set):
    """The final labels that vouch for the examples of a set, each once."""
    examples = TrainingExample.objects.filter(training_set=training_set).order_by()
    worse = examples.filter(rejected_label__isnull=False)
    return FinalLabel.objects.filter(
        Q(pk__in=examples.values("final_label")) | Q(pk__in=worse.values("rejected_label"))
    )


def note_again(training_set):
    """Write it down anew, after ratings were withdrawn: inside the caller's transaction."""
    TrainingSource.objects.filter(training_set=training_set).delete()
    note_sources(training_set)


@dataclass(frozen=True)
class Learned:
    """A model that learned from something: by which run, or from a model that did, `through`."""

    model: ModelVersion
    run: TrainingRun | None
    through: ModelVersion | None


def sets_of_expert(project, person):
    return _sets(project, sources__expert=person)


def sets_of_guidelines(guidelines):
    return _sets(guidelines.project, sources__guidelines=guidelines)


def sets_of_rubric(rubric):
    return _sets(rubric.project, sources__policy__rubric=rubric)


def sets_of_response(response):
    """Those with an example that the response, or its revision, became."""
    return _sets_on(response.stage.project, FinalLabel.objects.filter(response=response))


def sets_of_ratings(project, ratings):
    """Those with an example that rests on one of the ratings, a queryset or keys."""
    return _sets_on(project, FinalLabel.objects.filter(ratings__in=ratings))


def _sets_on(project, labels):
    labels = labels.order_by().values("pk")
    examples = TrainingExample.objects.order_by()
    found = [
        examples.filter(**{f"{name}__in": labels}).values("training_set")
        for name in ("final_label", "rejected_label")
    ]
    return _sets(project, Q(pk__in=found[0]) | Q(pk__in=found[1]))


def learned_from(project, sets):
    """Every model version that learned from one of the training sets, or from a model that did: a list of Learned, the
    oldest first."""
    models = {model.pk: model for model in ModelVersion.objects.filter(project=project).order_by("pk")}
    runs = TrainingRun.objects.filter(training_set__in=sets, model_version__isnull=False)
    runs = {run.model_version_id: run for run in runs.select_related("training_set", "stage")}
    found = {}
    # A model is made after its parent, so that what the parent learned is known by then.
    for pk, model in models.items():
        if pk in runs:
            found[pk] = Learned(model, runs[pk], None)
        elif model.parent_id in found:
            found[pk] = Learned(model, None, models[model.parent_id])
    return list(found.values())


@dataclass
class RestsOn:
    """Whose ratings a training set rests on, and under what: {person, rubric or guidelines: how many}.

    `withdrawn` of the ratings were withdrawn since.
    """

    training_set: TrainingSet
    experts: dict = field(default_factory=dict)
    rubrics: dict = field(default_factory=dict)
    guidelines: dict = field(default_factory=dict)
    withdrawn: int = 0

    @property
    def ratings(self):
        return sum(self.experts.values())


def rests_on(training_sets):
    """{key of a training set: its RestsOn}."""
    found = {each.pk: RestsOn(each) for each in training_sets}
    rows = TrainingSource.objects.filter(training_set__in=found)
    for row in rows.select_related("expert", "policy__rubric", "guidelines"):
        of = found[row.training_set_id]
        of.withdrawn += row.withdrawn
        for counted, each in (
            (of.experts, row.expert),
            (of.rubrics, row.policy.rubric),
            (of.guidelines, row.guidelines),
        ):
            counted[each] = counted.get(each, 0) + row.ratings
    return found


def line_of_descent(model):
    """The model and those it was trained from, the youngest first."""
    models = {each.pk: each for each in ModelVersion.objects.filter(project=model.project_id)}
    line = [model]
    while line[-1].parent_id in models:
        line.append(models[line[-1].parent_id])
    return line


def _sets(project, *which, **named):
    sets = TrainingSet.objects.filter(*which, stage__project=project, **named).order_by("pk").distinct()
    return sets.select_related("stage")
