"""What the report says of one stage, or of one model version in a comparison, from its final labels."""

import numpy as np

from annotation.stage_agreement import measure_agreement
from arbitration.panel import rests_on_simulation
from evaluation import measures
from evaluation.caveats import Basis
from evaluation.comparisons import Endpoint
from evaluation.models import ScoringRun
from evaluation.per_prompt import PerPrompt
from evaluation.report_parts import Agreement, Axis, Coherence, StageReport
from evaluation.statistics import estimate
from jobs.models import Job

# Cosines are binned for the figure from −0.2 (below it there is next to nothing; what is goes into the first bin).
BINS = np.arange(-4, 21) / 20


def axes_of(stages):
    """{(key, range): Axis} of all the stages' rubrics, in the newest rubric's order and words.

    Scores in another range than the newest cannot be compared with it: they go under a key and name that say so.
    """
    axes, keys = {}, set()
    for stage in reversed(stages):
        for axis in stage.policy.rubric.axes.all():
            key, name = axis.key, axis.name
            if (key, axis.scale) not in axes and key in keys:
                key, name = f"{key}:{axis.lowest}-{axis.highest}", f"{name} ({axis.lowest} to {axis.highest})"
            axes.setdefault((axis.key, axis.scale), Axis(key, name, axis.lowest, axis.highest))
            keys.add(axis.key)
    return axes


def _facts(stage, model_version):
    model = model_version or stage.model_version
    return {
        "number": stage.number,
        "title": str(model_version or stage),
        "model": model.name if model else "imported responses",
        "status": stage.get_status_display(),
        "policy_version": stage.policy.version,
        "gamma": stage.policy.gamma,
    }


def in_progress(stage):
    """The StageReport of a stage whose labels are not final: without a number."""
    return StageReport(**_facts(stage, None), final=False)


def report_stage(stage, axes, encoder, waiting, model_version=None):
    """(StageReport, [Endpoint]) of a stage with final labels, or of one model version in it.

    `axes`: see `axes_of`; `waiting`: why its cosines are not all there, or "". How far the experts agreed and what they
    escalated is told of whole stages alone.
    """
    of_stage = {axis.key: axes[axis.key, axis.scale] for axis in stage.policy.rubric.axes.all()}
    scores = {of_stage[key].key: each for key, each in measures.scores_by_axis(stage, model_version).items()}
    classes, not_judged, excluded = measures.alignment(stage, model_version)
    cut_off = measures.cut_off_shares(stage, model_version)
    endpoints = [
        Endpoint(
            f"score:{axis.key}",
            f"{axis.name}, mean rating",
            "score",
            scores[axis.key],
            lowest=axis.lowest,
            highest=axis.highest,
            cut_off=cut_off,
            registered_as=f"score:{key}",
        )
        for key, axis in of_stage.items()
        if axis.key in scores
    ]
    endpoints += [
        Endpoint("misaligned", "Misaligned share", "share", classes["misaligned"], lower_is_better=True),
        Endpoint("aligned", "Fully aligned share", "share", classes["aligned"]),
    ]
    numbers = {}
    if not waiting:
        asked, cosine, refuses = measures.cosines(stage, encoder, model_version)
        coherent = cosine >= stage.policy.gamma
        endpoints += [
            Endpoint("cosine", "Mean cosine", "cosine", PerPrompt.grouped(asked, cosine), lowest=-1),
            Endpoint("coherent", "Coherent share", "share", PerPrompt.grouped(asked, coherent)),
        ]
        counts, _ = np.histogram(np.clip(cosine, BINS[0], BINS[-1]), bins=BINS)
        numbers = {
            **measures.seen_by_encoder(stage, encoder, model_version),
            "coherence": _coherence(asked, cosine, coherent),
            "refusals": _coherence(asked[refuses], cosine[refuses], coherent[refuses]),
            "others": _coherence(asked[~refuses], cosine[~refuses], coherent[~refuses]),
            "refusals_by_tag": {
                tag: estimate(each.sums, each.counts)
                for tag, each in measures.refusals_by_tag(stage, encoder, model_version).items()
            },
            "bins": [float(count / max(len(cosine), 1)) for count in counts],
        }
    aside, because = measures.set_aside(stage, model_version)
    if model_version is None:
        numbers |= panel_of(stage)
    report = StageReport(
        **_facts(stage, model_version),
        final=True,
        **measures.held_out_responses(stage, model_version),
        labeled=int(classes["aligned"].counts.sum()),
        not_judged=not_judged,
        excluded=excluded,
        set_aside=aside,
        set_aside_because=because,
        unanswered=0 if model_version else measures.unanswered(stage),
        scores={
            axis.key: estimate(
                scores[axis.key].sums, scores[axis.key].counts, lowest=axis.lowest, highest=axis.highest
            )
            for axis in of_stage.values()
            if axis.key in scores
        },
        **{name: estimate(each.sums, each.counts) for name, each in classes.items()},
        coherence_state=waiting,
        simulated=rests_on_simulation(stage),
        **numbers,
    )
    return report, endpoints


def _coherence(asked, cosine, coherent):
    all_of_them = PerPrompt.grouped(asked, cosine)
    reaching = PerPrompt.grouped(asked, coherent)
    return Coherence(
        n=len(cosine),
        mean=estimate(all_of_them.sums, all_of_them.counts, lowest=-1),
        share=estimate(reaching.sums, reaching.counts),
    )


def panel_of(stage):
    """How far the experts of a stage agreed, and the share that went to a lead: {"agreement", "escalated",
    "identical"}."""
    escalated = measures.escalations(stage)
    measured = measure_agreement(stage, int(escalated.counts.sum()))
    asked = [*stage.policy.rubric.axes.all(), *stage.policy.rubric.label_sets.all()]
    found = [*measured.axes, *measured.label_sets]
    return {
        "agreement": [
            Agreement(
                question.key,
                question.name,
                each.alpha,
                each.interval[0],
                each.interval[1],
                each.ac,
                each.exact,
                each.apart,
                each.lacks_variety,
            )
            for question, each in zip(asked, found, strict=True)
        ],
        "escalated": estimate(escalated.sums, escalated.counts),
        "identical": len(measured.pairs.identical),
    }


def basis_of(stage, report, panel=None):
    """What the numbers of a StageReport rest on; `panel`: that of its stage, where the report is of a part of it."""
    agreement = panel["agreement"] if panel else report.agreement
    raters = measures.raters(stage)
    return Basis(
        title=report.title,
        prompts=report.prompts,
        responses=report.responses,
        cut_off=report.cut_off,
        not_judged=report.not_judged,
        excluded=report.excluded,
        set_aside=report.set_aside,
        set_aside_because=tuple(report.set_aside_because),
        unanswered=report.unanswered,
        policy_version=report.policy_version,
        raters=frozenset(raters),
        simulated=report.simulated,
        mixed=report.simulated and not all(raters.values()),
        refusals=report.refusals.n if report.refusals else 0,
        truncated_prompts=report.truncated_prompts,
        truncated_responses=report.truncated_responses,
        identical=panel["identical"] if panel else report.identical,
        lacking_variety=tuple(each.name for each in agreement if each.lacks_variety),
    )


def unscored_reasons(stages, encoder):
    """{stage key: why its cosines are not complete}; "" where they are."""
    last = {run.stage_id: run for run in ScoringRun.objects.filter(stage__in=stages).order_by("id")}
    reasons = {}
    for stage in stages:
        run = last.get(stage.pk)
        if run is None:
            reasons[stage.pk] = "Coherence is not computed yet."
        elif run.status in Job.ACTIVE:
            reasons[stage.pk] = "Coherence is being computed."
        elif run.status != Job.Status.SUCCEEDED:
            reasons[stage.pk] = (
                f"Coherence was not computed: {run.reason or run.get_status_display().lower()}"
            )
        elif encoder is None or run.encoder_id != encoder.pk:
            reasons[stage.pk] = "Coherence is to be computed again with the new encoder."
        else:
            reasons[stage.pk] = ""
    return reasons
