"""What a gate measures of a model version (training/gate.py asks): its held-out answers beside those of the model that
answered before, rated where a comparison stage has both, and as texts."""

import numpy as np

from arbitration.models import FinalLabel
from core.models import Measure
from core.policies import whole
from evaluation.encoders import encoder_in_force
from evaluation.gate_answers import answers_to_the_same, comparison_of, has_answers, tagged
from evaluation.measures import alignment, scores_by_axis
from evaluation.models import CoherenceScore
from evaluation.per_prompt import PerPrompt, pair
from evaluation.refusals import is_refusal
from evaluation.scripts import in_another_script
from evaluation.statistics import estimate, interval_of_difference
from evaluation.text_measures import distinct_share, repeated_share, times_as, words_of
from training.gate import Figure
from training.models import Unmeasured

OF_TEXTS = {
    Measure.REPEATED: lambda answer: repeated_share(answer.text),
    Measure.DISTINCT: lambda answer: distinct_share(answer.text, 2),
    Measure.EMPTY: lambda answer: not answer.text.strip(),
    Measure.CUT_OFF: lambda answer: answer.is_cut_off,
    Measure.LANGUAGE: lambda answer: in_another_script(answer.question, answer.text),
    Measure.OVER_REFUSAL: lambda answer: is_refusal(answer.text),
    Measure.UNDER_REFUSAL: lambda answer: bool(answer.text.strip()) and not is_refusal(answer.text),
}
"""By measure, what it sees in one answer: a number from 0 to 1, or None where it sees nothing."""
FALLS = {Measure.DISTINCT, Measure.COHERENCE, Measure.AXIS}
RATED = {Measure.MISALIGNED, Measure.AXIS}
SAME = 1.0


def measure(stage, model_version, rules):
    """(the comparison stage that the figures rest on or None, a list of training.gate.Figure): one of each rule, and of
    the axes one each."""
    before = stage.model_version
    if before is None or not has_answers(model_version):
        why = Unmeasured.NO_PAIRS if before is None else Unmeasured.NO_ANSWERS
        return None, [Figure(rule.measure, rule.tag, why=why) for rule in rules]
    compared_in = comparison_of(before, model_version)
    answers = answers_to_the_same(before, model_version, compared_in)
    figures = []
    for rule in rules:
        if rule.measure in RATED and compared_in is None:
            figures.append(Figure(rule.measure, why=Unmeasured.NOT_RATED))
        elif rule.measure == Measure.MISALIGNED:
            figures.append(_misaligned(compared_in, before, model_version))
        elif rule.measure == Measure.AXIS:
            figures += _axes(compared_in, before, model_version)
        elif not answers[0]:
            figures.append(Figure(rule.measure, rule.tag, why=Unmeasured.NO_PAIRS))
        elif rule.measure == Measure.COHERENCE:
            figures.append(_coherence(answers))
        elif rule.measure == Measure.LENGTH:
            figures.append(_length(answers))
        else:
            figures.append(_of_texts(rule, answers, stage.project))
    return compared_in, figures


def _of_texts(rule, answers, project):
    if rule.tag:
        prompts = tagged(project, rule.tag)
        answers = [[answer for answer in each if answer.prompt in prompts] for each in answers]
        if not answers[0]:
            return Figure(rule.measure, rule.tag, why=Unmeasured.NO_TAG)
    look = OF_TEXTS[rule.measure]
    sides = [_per_prompt([(answer.prompt, look(answer)) for answer in each]) for each in answers]
    return _change(rule.measure, sides, 0, 1, about=rule.tag)


def _coherence(answers):
    encoder = encoder_in_force()
    keys = {key for each in answers for answer in each for key in (answer.key, answer.original)}
    scores = CoherenceScore.objects.filter(encoder=encoder, response__in=keys, is_refusal=False)
    cosines = dict(scores.values_list("response", "cosine"))
    if not cosines:
        return Figure(Measure.COHERENCE, why=Unmeasured.NOT_SCORED)
    sides = [
        _per_prompt(
            [(answer.prompt, cosines.get(answer.key, cosines.get(answer.original))) for answer in each]
        )
        for each in answers
    ]
    return _change(Measure.COHERENCE, sides, -1, 1, missing=Unmeasured.NOT_SCORED)


def _length(answers):
    sides = [
        _per_prompt([(answer.prompt, len(words_of(answer.text))) for answer in each]) for each in answers
    ]
    before, after = (float(each.mean()) for each in pair(*sides))
    times = SAME if before == after else times_as(before, after)
    if times is None:
        return Figure(Measure.LENGTH, why=Unmeasured.NO_PAIRS)
    return Figure(Measure.LENGTH, value=times, before=before, after=after, n=len(sides[0].prompts))


def _misaligned(stage, before, after):
    shares = [alignment(stage, model)[0][str(FinalLabel.Alignment.MISALIGNED)] for model in (before, after)]
    was, found = (estimate(each.sums, each.counts) for each in shares)
    if found is None or found.high is None:
        why = Unmeasured.NOT_RATED if found is None else Unmeasured.ONE_PROMPT
        return Figure(Measure.MISALIGNED, why=why)
    return Figure(
        Measure.MISALIGNED,
        value=found.high,
        low=found.low,
        high=found.high,
        before=was and was.value,
        after=found.value,
        n=len(shares[1].prompts),
    )


def _axes(stage, before, after):
    figures, scores = [], [scores_by_axis(stage, model) for model in (before, after)]
    for axis in whole(stage.policy).rubric.axes.all():
        figures.append(
            _change(
                Measure.AXIS,
                [each.get(axis.key, PerPrompt.of([])) for each in scores],
                axis.lowest,
                axis.highest,
                about=axis.name,
                unit=axis.highest - axis.lowest,
                missing=Unmeasured.NOT_RATED,
            )
        )
    return figures


def _per_prompt(seen):
    """PerPrompt of pairs (prompt, number or None)."""
    seen = [(prompt, value) for prompt, value in seen if value is not None]
    return PerPrompt.grouped([prompt for prompt, _ in seen], [value for _, value in seen])


def _change(name, sides, lowest, highest, *, about="", unit=1, missing=Unmeasured.NO_PAIRS):
    """The figure of a rise, or of a fall where the measure is one, over the prompts that both sides have, in units."""
    before, after = pair(*sides)
    if len(before) < 2:
        return Figure(name, about, why=Unmeasured.ONE_PROMPT if len(before) else missing)
    low, high = interval_of_difference(before, after, lowest=lowest, highest=highest)
    ends = sorted([-low, -high] if name in FALLS else [low, high])
    rise = float(np.mean(after - before))
    return Figure(
        name,
        about,
        value=(-rise if name in FALLS else rise) / unit,
        low=ends[0] / unit,
        high=ends[1] / unit,
        before=float(before.mean()),
        after=float(after.mean()),
        n=len(before),
    )
