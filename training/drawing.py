"""Draws a stage's final labels into the examples of a training set, by its recipe. Reads only; nothing is a row yet."""

from django.db.models import Q

from annotation.models import Prompt, load_earlier
from arbitration.models import FinalLabel
from core.models import Stage
from training.judged import judge, system_prompt
from training.models import ExampleMessage, TrainingExample, TrainingRun, TrainingSet
from training.pairs import DECIMALS, pairs_of
from training.preferring import soft_and

Kind, Objective, Alignment = TrainingExample.Kind, TrainingRun.Objective, FinalLabel.Alignment
LEARNED_FROM = (Prompt.Split.TRAIN, Prompt.Split.VALIDATION)


def learnable_labels(stage):
    """The final labels that may be learned from, in the order of prompts and candidates.

    Of a response with an accepted revision the revision is learned, whatever its scores: the consensus says
    that this is what the model should have said. Of the others, the fully aligned are learned as they are.
    An excluded response teaches nothing, not even by its revision; one that was not judged by its revision alone.
    """
    aligned = Q(alignment=Alignment.ALIGNED) & ~Q(response__text="")
    return labels_in_use(stage).filter(Q(revision__isnull=False) | aligned)


def labels_in_use(stage):
    """The stage's final labels of prompts to learn from that are not set aside, without the excluded responses."""
    return _in_use(FinalLabel.objects.filter(response__stage=stage))


def _in_use(labels):
    return (
        labels.filter(response__prompt__split__in=LEARNED_FROM, response__prompt__set_aside__isnull=True)
        .exclude(alignment=Alignment.EXCLUDED)
        .order_by("response__prompt__position", "response__candidate")
    )


def draw(stage, recipe):
    """The examples of the recipe, in order: [(TrainingExample, its ExampleMessages)]."""
    found = []
    for position, example in enumerate(_DRAWN[recipe.kind](stage, recipe)):
        example.position = position
        earlier = [
            ExampleMessage(example=example, position=each.position, role=each.role, text=each.text)
            for each in example.final_label.response.prompt.earlier
        ]
        found.append((example, earlier))
    return found


def _answers(stage, recipe):
    labels = learnable_labels(stage)
    if recipe.objective == Objective.SFT:
        labels = list(labels.select_related("response__prompt", "response__sampling", "revision"))
        load_earlier([label.response.prompt for label in labels])
        return map(_answer, labels)
    judged = list(judge(labels))
    if recipe.objective == Objective.BEST_OF_N:
        return [_answer(each.label) for each in _best(judged, recipe, cuts_of(stage))]
    return [_answer(each.label, weight=round(each.confidence, DECIMALS)) for each in judged]


def _best(judged, recipe, cuts):
    """One Judged of each prompt: an accepted revision where there is one, else the response with the best label, the
    first of equals."""

    def rank(each):
        if recipe.all_axes:
            scores = {key: each.shares.get(key, 0.0) for key in recipe.order}
            good = (soft_and(scores, {key: cuts[key] for key in recipe.order}),)
        else:
            good = tuple(each.shares.get(key, 0.0) for key in recipe.order)
        return (each.label.revision is not None, *good, -each.response.candidate)

    best = {}
    for each in judged:
        prompt = each.response.prompt_id
        if prompt not in best or rank(each) > rank(best[prompt]):
            best[prompt] = each
    return best.values()


def _answer(label, weight=None):
    response, revision = label.response, label.revision
    return TrainingExample(
        final_label=label,
        split=response.prompt.split,
        kind=Kind.REVISED if revision else Kind.AS_IS,
        prompt_text=response.prompt.text,
        earlier_count=response.prompt.earlier_count,
        system_prompt=system_prompt(response),
        completion=revision.text if revision else response.text,
        is_cut_off=not revision and response.is_cut_off,
        weight=weight,
    )


def _pairs(stage, recipe):
    labels = labels_in_use(stage)
    if recipe.means.has_order:
        # What earlier turns answered to the same prompts is held against this turn's answers.
        turns = Stage.objects.turns().filter(
            project=stage.project_id, number__lte=stage.number, status__in=Stage.FINAL
        )
        prompts = labels.order_by().values("response__prompt")
        every = FinalLabel.objects.filter(response__stage__in=turns, response__prompt__in=prompts)
        labels = _in_use(every).exclude(alignment=Alignment.NOT_JUDGED, revision__isnull=True)
        labels = labels.order_by(
            "response__prompt__position", "response__stage__number", "response__candidate"
        )
    else:
        labels = labels.filter(revision__isnull=False)
    return pairs_of(judge(labels), recipe, stage, cuts_of(stage))


def _judged(stage, recipe):
    """Good: accepted revisions, and fully aligned responses without one. Poor: misaligned responses."""
    labels = labels_in_use(stage).select_related("response__prompt", "response__sampling", "revision")
    labels = list(
        labels.filter(Q(revision__isnull=False) | Q(alignment__in=[Alignment.ALIGNED, Alignment.MISALIGNED]))
    )
    load_earlier([label.response.prompt for label in labels])
    for label in labels:
        if label.revision or (label.alignment == Alignment.ALIGNED and label.response.text):
            example = _answer(label)
            example.kind = Kind.GOOD
            yield example
        if label.alignment == Alignment.MISALIGNED and label.response.text:
            example = _answer(label)
            example.kind, example.completion = Kind.POOR, label.response.text
            example.is_cut_off = label.response.is_cut_off
            yield example


_DRAWN = {
    TrainingSet.Kind.ANSWERS: _answers,
    TrainingSet.Kind.PAIRS: _pairs,
    TrainingSet.Kind.JUDGED: _judged,
}


def cuts_of(stage):
    """{axis key: the share of its range from which a score is good}, as the stage's policy has it."""
    rules = stage.policy.rules.select_related("axis")
    return {rule.axis.key: rule.axis.scale.place(rule.aligned_cut) for rule in rules}
