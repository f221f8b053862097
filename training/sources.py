"""What a training set rests on, and every model that learned from an expert, a rubric, guidelines or a rating."""

from dataclasses import dataclass, field

from django.db.models import Count

from core.models import ModelVersion
from training.models import TrainingExample, TrainingRun, TrainingSet, TrainingSource


def note_sources(training_set):
    """Write down whose ratings a set rests on that was just frozen."""
    rating = "final_label__ratings"
    rows = (
        TrainingExample.objects.filter(training_set=training_set, final_label__ratings__isnull=False)
        .order_by()
        .values_list(f"{rating}__expert", f"{rating}__policy", f"{rating}__guidelines")
        .annotate(Count(rating), Count(f"{rating}__retracted"))
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
    return _sets(response.stage.project, examples__final_label__response=response)


def sets_of_ratings(project, ratings):
    """Those with an example that rests on one of the ratings, a queryset or keys."""
    examples = TrainingExample.objects.filter(final_label__ratings__in=ratings)
    return _sets(project, pk__in=examples.order_by().values("training_set"))


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


def _sets(project, **which):
    sets = TrainingSet.objects.filter(stage__project=project, **which).order_by("pk").distinct()
    return sets.select_related("stage")
