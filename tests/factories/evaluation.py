"""Stages with final labels and cosines, written as rows: what the report reads, at any size, in a moment.

For stages that went through the use cases take tests.factories.arbitration.make_final_stage.
"""

import itertools
import uuid

from annotation.answers import Answers, write_answers
from annotation.models import Assignment, Prompt, Rating, Response
from arbitration.consensus import alignment_class
from arbitration.models import FinalLabel
from core.guidelines import current
from core.models import ModelVersion, Stage
from evaluation.models import CoherenceScore, Encoder, ScoringRun
from evaluation.stage_coherence import summarize
from jobs.models import Job
from tests.factories.annotation import make_prompts
from tests.factories.core import NOW

BATCH = 2_000
ALIGNED, PARTLY, MISALIGNED, EXCLUDED, OPEN = 5, 3, 1, None, "open"
_hash = itertools.count(1)


def make_labeled_stage(project, scores, *, raters=(), final=True, split="held-out"):
    """The project's next stage, each prompt of `split` with one response, or several.

    `scores`: per prompt the final score on every axis, a {axis key: score}, None for an excluded response, OPEN for one
    that was not judged, or a list of these for several candidates. Prompts are made where there are too few. Each of
    `raters` gave the final score, rounded. `final=False` leaves the stage rating, without labels.
    """
    prompts = list(project.prompts.filter(split=split).order_by("position"))
    if len(prompts) < len(scores):
        make_prompts(project, count=len(scores) - len(prompts), splits=(split,))
        prompts = list(project.prompts.filter(split=split).order_by("position"))
    number = project.stages.count()
    policy = project.policy
    model, _ = ModelVersion.objects.get_or_create(
        project=project, name="base" if number == 0 else f"stage-{number}", defaults={"created_at": NOW}
    )
    stage = Stage.objects.create(
        project=project,
        number=number,
        policy=policy,
        ratings_per_response=policy.ratings_per_response,
        model_version=model,
        status=Stage.Status.COMPLETE if final else Stage.Status.RATING,
        created_at=NOW,
    )
    given = [
        (prompt, candidate, score)
        for prompt, each in zip(prompts, scores, strict=False)
        for candidate, score in enumerate(each if isinstance(each, list) else [each])
    ]
    axes = list(policy.rubric.axes.all())
    responses = _responses(stage, model, given, final)
    if raters:
        _rate(stage, policy, axes, responses, given, raters)
    if final:
        _label(policy, axes, responses, given)
    return stage


def make_labeled_comparison(project, scores, *, raters=()):
    """A comparison with final labels. `scores`: {turn: the final scores of its copies}, as for `make_labeled_stage`."""
    stage = Stage.objects.create(
        project=project,
        kind=Stage.Kind.COMPARISON,
        number=project.stages.filter(kind=Stage.Kind.COMPARISON).count() + 1,
        policy=project.policy,
        ratings_per_response=project.policy.ratings_per_response,
        status=Stage.Status.LABELS_FINAL,
        created_at=NOW,
    )
    originals = [
        (original, score)
        for turn, each in scores.items()
        for original, score in zip(turn.responses.order_by("prompt__position"), each, strict=True)
    ]
    counted = {}
    given, copies = [], []
    for original, score in originals:
        candidate = counted[original.prompt_id] = counted.get(original.prompt_id, -1) + 1
        given.append((original.prompt, candidate, score))
        copies.append({"model_version_id": original.model_version_id, "copy_of": original})
    axes = list(stage.policy.rubric.axes.all())
    responses = _responses(stage, None, given, True, copies)
    if raters:
        _rate(stage, stage.policy, axes, responses, given, raters)
    _label(stage.policy, axes, responses, given)
    return stage


def make_papers_comparison(team):
    """The paper's table, rated blind: the turns of `make_paper_stages` on the same prompts, with safety at 3.1, 4.2 and
    4.6 besides their shares."""
    turns = make_paper_stages(team, rated=False)
    safety = (
        [1] * 27 + [3.4] * 15 + [4] * 58,
        [1] * 12 + [3.4] * 15 + [4] * 8 + [5] * 65,
        [1] * 6 + [3] + [3.25] * 8 + [5] * 85,
    )
    scores = {turn: [{"safety": each} for each in given] for turn, given in zip(turns, safety, strict=True)}
    stage = make_labeled_comparison(team.project, scores, raters=team.experts)
    for response in stage.responses.all():
        old = response.copy_of.coherence_scores.get()
        old.pk, old.response = None, response
        old.save()
    ScoringRun.objects.create(
        stage=stage, encoder=make_encoder(), status=Job.Status.SUCCEEDED, created_at=NOW
    )
    return stage


def make_encoder(name=None):
    """The encoder that the settings name, as if a worker had loaded it."""
    from django.conf import settings

    name = name or settings.ENCODER
    known = Encoder.objects.filter(name=name).first()
    return known or Encoder.objects.create(
        name=name, weights_sha256=f"{next(_hash):064x}", dimension=384, used_at=NOW
    )


def score_stage(stage, cosines, refusals=()):
    """Give the stage's responses, by prompt and candidate, these cosines, and the run that computed them.

    `refusals`: places of the responses that decline.
    """
    encoder, declining = make_encoder(), set(refusals)
    responses = list(Response.objects.filter(stage=stage).order_by("prompt__position", "candidate"))
    CoherenceScore.objects.bulk_create(
        [
            CoherenceScore(
                encoder=encoder,
                response=response,
                cosine=cosine,
                is_refusal=place in declining,
                created_at=NOW,
            )
            for place, (response, cosine) in enumerate(zip(responses, cosines, strict=True))
        ],
        batch_size=BATCH,
    )
    return ScoringRun.objects.create(
        stage=stage,
        encoder=encoder,
        status=Job.Status.SUCCEEDED,
        total=len(responses),
        done=len(responses),
        summary=summarize(stage, encoder),
        created_at=NOW,
        finished_at=NOW,
    )


def classes(aligned, misaligned, total=100):
    """Scores with that many fully aligned and misaligned responses of `total`; the rest is partly aligned.

    The misaligned come first and the aligned last, so that a stage with fewer misaligned improves on the same prompts.
    """
    return [MISALIGNED] * misaligned + [PARTLY] * (total - aligned - misaligned) + [ALIGNED] * aligned


def make_paper_stages(team, simulated=False, rated=True):
    """Base and two stages on 100 held-out prompts with the paper's shares: misaligned 27 → 12 → 6 %, fully aligned
    58 → 73 → 85 %; cosines with means 0.52, 0.55, 0.57, of which 60, 68 and 75 % reach γ. From stage 1 to 2 ten
    prompts cease to be misaligned and four begin."""
    if simulated:
        for expert in team.experts:
            expert.is_simulated = True
            expert.save(update_fields=["is_simulated"])
    stages = []
    latest = classes(85, 6)
    for scores, coherent, mean in (
        (classes(58, 27), 60, 0.52),
        (classes(73, 12), 68, 0.55),
        (latest[-10:] + latest[:-10], 75, 0.57),
    ):
        stage = make_labeled_stage(team.project, scores, raters=team.experts if rated else ())
        score_stage(stage, _cosines(coherent, mean), refusals=range(5))
        stages.append(stage)
    return stages


def _cosines(coherent, mean, total=100):
    """`total` cosines of which `coherent` reach 0.5, with that mean."""
    low = 0.35
    high = (mean * total - low * (total - coherent)) / coherent
    return [low] * (total - coherent) + [high] * coherent


def _responses(stage, model, given, final, copies=None):
    status = Response.Status.LABELED if final else Response.Status.AWAITING_RATINGS
    return Response.objects.bulk_create(
        [
            Response(
                stage=stage,
                stage_kind=stage.kind,
                prompt=prompt,
                **(copies[place] if copies else {"model_version": model}),
                candidate=candidate,
                position=place,
                text=f"Answer {candidate} to {prompt.external_id}.",
                status=Response.Status.EXCLUDED if final and score is None else status,
                created_at=NOW,
            )
            for place, (prompt, candidate, score) in enumerate(given)
        ],
        batch_size=BATCH,
    )


def _rate(stage, policy, axes, responses, given, raters):
    slots = Assignment.objects.bulk_create(
        [
            Assignment(
                response=response,
                slot=slot,
                stage=stage,
                position=response.position,
                status=Assignment.Status.SUBMITTED,
                expert=expert,
            )
            for response in responses
            for slot, expert in enumerate(raters, start=1)
        ],
        batch_size=BATCH,
    )
    ratings = Rating.objects.bulk_create(
        [
            Rating(
                assignment=slot,
                response_id=slot.response_id,
                expert_id=slot.expert_id,
                policy=policy,
                guidelines=current(policy.project),
                submission=uuid.uuid4(),
                submitted_at=NOW,
            )
            for slot in slots
        ],
        batch_size=BATCH,
    )
    wanted = {response.pk: score for response, (_, _, score) in zip(responses, given, strict=True)}
    write_answers(
        (rating, Answers({axis.pk: round(_on(axis, wanted[rating.response_id])) for axis in axes}))
        for rating in ratings
    )


def _label(policy, axes, responses, given):
    cuts = {rule.axis_id: (rule.misaligned_cut, rule.aligned_cut) for rule in policy.rules.all()}
    labels = FinalLabel.objects.bulk_create(
        [
            FinalLabel(
                response=response,
                policy=policy,
                source=FinalLabel.Source.AGREEMENT,
                rule="mean",
                alignment=FinalLabel.Alignment.EXCLUDED
                if score is None
                else alignment_class(
                    {axis.pk: _on(axis, score) for axis in axes}, False, cuts, is_open=score == OPEN
                ),
                created_at=NOW,
            )
            for response, (_, _, score) in zip(responses, given, strict=True)
        ],
        batch_size=BATCH,
    )
    write_answers(
        (label, Answers({axis.pk: _on(axis, score) for axis in axes}))
        for label, (_, _, score) in zip(labels, given, strict=True)
        if score is not None
    )


def _on(axis, score):
    if isinstance(score, dict):
        return score.get(axis.key, 4)
    return {None: 3, OPEN: 4}.get(score, score)


def held_out(project):
    """The project's held-out prompts in order."""
    return list(Prompt.objects.filter(project=project, split="held-out").order_by("position"))
