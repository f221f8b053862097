"""The report of a project: base and every stage side by side, on held-out prompts and final labels alone.

`build_report` computes it from what stands; keeping.py stores a copy for the page.
"""

from dataclasses import asdict

import numpy as np

from annotation.stage_agreement import measure_agreement
from arbitration.panel import rests_on_simulation
from evaluation import measures
from evaluation.caveats import Basis, caveats_of
from evaluation.comparisons import Endpoint, compare
from evaluation.encoders import encoder_in_force
from evaluation.models import ScoringRun
from evaluation.neighbours import held_out_neighbours
from evaluation.per_prompt import PerPrompt
from evaluation.report_parts import Agreement, Axis, Coherence, Report, StageReport
from evaluation.statistics import estimate
from jobs.models import Job

# Cosines are binned for the figure from −0.2 (below it there is next to nothing; what is goes into the first bin).
BINS = np.arange(-4, 21) / 20


def build_report(project):
    """The report as it stands now, as a `Report`. Reads only; the same state gives the same numbers."""
    stages = _stages(project)
    encoder = encoder_in_force()
    waiting = _unscored_reasons(stages, encoder)
    axes = _axes(stages)
    built, endpoints, bases = [], [], []
    for stage in stages:
        if stage.status not in stage.FINAL:
            built.append(_in_progress(stage))
            continue
        stage_report, stage_endpoints = _stage_report(stage, axes, encoder, waiting[stage.pk])
        built.append(stage_report)
        endpoints.append((stage.number, stage_report.title, stage_endpoints))
        bases.append(_basis(stage, stage_report))
    comparisons = [
        compare(endpoints[before], endpoints[after], seed=project.seed)
        for after in range(1, len(endpoints))
        for before in sorted({0, after - 1})
    ]
    neighbours = held_out_neighbours(project, encoder) if bases and encoder else None
    return Report(
        project=project.name,
        slug=project.slug,
        split=measures.HELD_OUT.label,
        simulated=any(stage.simulated for stage in built),
        encoder=str(encoder or ""),
        coherence_with="last user message",
        neighbours=neighbours,
        axes=list(axes.values()),
        stages=built,
        comparisons=comparisons,
        caveats=caveats_of(bases, comparisons, neighbours),
        bin_edges=[float(edge) for edge in BINS],
    )


def as_json(report):
    """The report as plain dicts, lists and numbers."""
    return asdict(report)


def _stages(project):
    related = ("policy__rubric", "model_version")
    return list(project.stages.turns().select_related(*related).order_by("number"))


def _axes(stages):
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


def _facts(stage):
    return {
        "number": stage.number,
        "title": str(stage),
        "model": stage.model_version.name if stage.model_version else "imported responses",
        "status": stage.get_status_display(),
        "policy_version": stage.policy.version,
        "gamma": stage.policy.gamma,
    }


def _in_progress(stage):
    return StageReport(**_facts(stage), final=False)


def _stage_report(stage, axes, encoder, waiting):
    """(StageReport, [Endpoint]) of a stage with final labels; `waiting`: why its cosines are not all there, or ""."""
    of_stage = {axis.key: axes[axis.key, axis.scale] for axis in stage.policy.rubric.axes.all()}
    scores = {of_stage[key].key: each for key, each in measures.scores_by_axis(stage).items()}
    classes, not_judged, excluded = measures.alignment(stage)
    cut_off = measures.cut_off_shares(stage)
    endpoints = [
        Endpoint(
            f"score:{axis.key}",
            f"{axis.name}, mean rating",
            "score",
            scores[axis.key],
            lowest=axis.lowest,
            highest=axis.highest,
            cut_off=cut_off,
        )
        for axis in of_stage.values()
        if axis.key in scores
    ]
    endpoints += [
        Endpoint("misaligned", "Misaligned share", "share", classes["misaligned"], lower_is_better=True),
        Endpoint("aligned", "Fully aligned share", "share", classes["aligned"]),
    ]
    numbers = {}
    if not waiting:
        asked, cosine, refuses = measures.cosines(stage, encoder)
        coherent = cosine >= stage.policy.gamma
        endpoints += [
            Endpoint("cosine", "Mean cosine", "cosine", PerPrompt.grouped(asked, cosine), lowest=-1),
            Endpoint("coherent", "Coherent share", "share", PerPrompt.grouped(asked, coherent)),
        ]
        counts, _ = np.histogram(np.clip(cosine, BINS[0], BINS[-1]), bins=BINS)
        numbers = {
            **measures.seen_by_encoder(stage, encoder),
            "coherence": _coherence(asked, cosine, coherent),
            "refusals": _coherence(asked[refuses], cosine[refuses], coherent[refuses]),
            "others": _coherence(asked[~refuses], cosine[~refuses], coherent[~refuses]),
            "bins": [float(count / max(len(cosine), 1)) for count in counts],
        }
    aside, because = measures.set_aside(stage)
    escalated = measures.escalations(stage)
    report = StageReport(
        **_facts(stage),
        final=True,
        **measures.held_out_responses(stage),
        labeled=int(classes["aligned"].counts.sum()),
        not_judged=not_judged,
        excluded=excluded,
        set_aside=aside,
        set_aside_because=because,
        unanswered=measures.unanswered(stage),
        scores={
            axis.key: estimate(
                scores[axis.key].sums, scores[axis.key].counts, lowest=axis.lowest, highest=axis.highest
            )
            for axis in of_stage.values()
            if axis.key in scores
        },
        **{name: estimate(each.sums, each.counts) for name, each in classes.items()},
        coherence_state=waiting,
        agreement=_agreement(stage, int(escalated.counts.sum())),
        escalated=estimate(escalated.sums, escalated.counts),
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


def _agreement(stage, responses):
    measured = measure_agreement(stage, responses)
    asked = [*stage.policy.rubric.axes.all(), *stage.policy.rubric.label_sets.all()]
    found = [*measured.axes, *measured.label_sets]
    return [
        Agreement(
            question.key, question.name, each.alpha, each.ac, each.exact, each.apart, each.lacks_variety
        )
        for question, each in zip(asked, found, strict=True)
    ]


def _basis(stage, report):
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
        lacking_variety=tuple(each.name for each in report.agreement if each.lacks_variety),
    )


def _unscored_reasons(stages, encoder):
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
