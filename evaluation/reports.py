"""The report of a project: model versions side by side, on held-out prompts and final labels alone.

Comparison stages give its figures where there are some; the turns, each rated in a round of its own, stand apart.
`build_report` computes it from what stands; keeping.py stores a copy for the page.
"""

from dataclasses import asdict

from evaluation import measures
from evaluation.blind import blind_reports
from evaluation.caveats import caveats_of
from evaluation.comparing import finished_comparisons
from evaluation.comparisons import compare
from evaluation.encoders import encoder_in_force
from evaluation.neighbours import held_out_neighbours
from evaluation.report_parts import Report
from evaluation.stage_reports import BINS, axes_of, basis_of, in_progress, report_stage, unscored_reasons


def build_report(project):
    """The report as it stands now, as a `Report`. Reads only; the same state gives the same numbers."""
    stages = _stages(project)
    encoder = encoder_in_force()
    waiting = unscored_reasons(stages, encoder)
    compared = finished_comparisons(project)
    axes = axes_of(sorted([*compared, *stages], key=lambda stage: stage.policy.version))
    blind = blind_reports(project, compared, axes, encoder)
    built, endpoints, bases = [], [], []
    for stage in stages:
        if stage.status not in stage.FINAL:
            built.append(in_progress(stage))
            continue
        stage_report, stage_endpoints = report_stage(stage, axes, encoder, waiting[stage.pk])
        built.append(stage_report)
        endpoints.append((stage.number, stage_report.title, stage_endpoints))
        bases.append(basis_of(stage, stage_report))
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
        simulated=any(each.simulated for each in [*built, *blind]),
        encoder=str(encoder or ""),
        coherence_with="last user message",
        neighbours=neighbours,
        axes=list(axes.values()),
        stages=built,
        comparisons=comparisons,
        blind=blind,
        caveats=caveats_of(bases, comparisons, neighbours),
        bin_edges=[float(edge) for edge in BINS],
    )


def as_json(report):
    """The report as plain dicts, lists and numbers."""
    return asdict(report)


def _stages(project):
    related = ("policy__rubric", "model_version")
    return list(project.stages.turns().select_related(*related).order_by("number"))
