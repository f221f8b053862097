"""What finished comparison stages say: model versions that were rated blind, mixed and at one time, and so the report's
own figures. Those of separate rounds stand apart from them (reports.py)."""

from evaluation.arms import ArmFigures, compare_arms, over_all
from evaluation.caveats import caveats_of
from evaluation.comparing import compared_versions
from evaluation.endpoints import registered_for
from evaluation.measures import raters
from evaluation.report_parts import BlindReport
from evaluation.stage_reports import basis_of, panel_of, report_stage, unscored_reasons
from training.groups import arms_of
from training.models import TrainingRun


def blind_reports(project, comparisons, axes, encoder):
    """[BlindReport] of finished comparison stages (`comparing.finished_comparisons`); `axes`: see `axes_of`."""
    waiting = unscored_reasons(comparisons, encoder)
    return [_blind_report(project, stage, axes, encoder, waiting[stage.pk]) for stage in comparisons]


def _blind_report(project, stage, axes, encoder, waiting):
    versions = compared_versions(stage)
    reports, figures = {}, {}
    for version in versions:
        reports[version], endpoints = report_stage(stage, axes, encoder, waiting, version)
        figures[version] = {each.registered_as or each.key: each for each in endpoints}
    trained = set(
        TrainingRun.objects.filter(model_version__in=versions).values_list("model_version", flat=True)
    )
    arms = [
        ArmFigures(
            arm.name,
            arm.seeds if any(version.pk in trained for version in arm.versions) else None,
            [figures[version] for version in arm.versions],
        )
        for arm in arms_of(versions)
    ]
    registered = registered_for(stage)
    compared = compare_arms(arms, registered=registered.keys, seed=project.seed)
    panel = panel_of(stage)
    return BlindReport(
        key=stage.key,
        title=str(stage),
        opened=stage.created_at.isoformat(),
        raters=len(raters(stage)),
        simulated=any(each.simulated for each in reports.values()),
        registered=list(registered.keys),
        registered_names=list(registered.names),
        registered_version=registered.version,
        registered_at=registered.at.isoformat() if registered.at else "",
        stages=list(reports.values()),
        comparisons=compared,
        over_all=over_all(arms, registered=registered.keys),
        agreement=panel["agreement"],
        escalated=panel["escalated"],
        caveats=caveats_of(
            [basis_of(stage, each, panel) for each in reports.values()], compared, is_blind=True
        ),
    )
