"""What the Stages workplace shows of a stage's generation and training, and the models that came of it."""

from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from core.access import ADMIN, LEAD, project_view
from core.http import reload_page, render_page_or_fragment
from core.models import Stage
from jobs.queries import attempts_of
from training import progress
from training.dataset import preview_training_set
from training.lineage import grow_tree
from training.models import GenerationRun
from training.promotion import promotion_of, tell
from training.trials import groups_of


@require_GET
@project_view(LEAD, ADMIN)
def stage_panel(request, project, stage_key):
    """Generation and training of one stage; the fragment asks again while a job runs."""
    stage = _stage(project, stage_key)
    generation = GenerationRun.objects.filter(stage=stage).select_related("sampling").first()
    runs = list(stage.training_runs.select_related("model_version", "base"))
    live = progress.is_live(generation, *runs)
    if not live and "polling" in request.GET:
        return reload_page()
    waiting = stage.status == Stage.Status.RESPONDING
    may_train = stage.is_turn and stage.status in Stage.FINAL
    promotion = promotion_of(stage)
    steps = progress.progress_of_runs(runs)
    context = {
        "project": project,
        "stage": stage,
        "generation": generation,
        "responses": progress.generation_progress(stage) if waiting else None,
        "attempts": attempts_of(generation) if waiting and generation else None,
        "unanswered": progress.unanswered(stage),
        "groups": groups_of(stage) if any(run.group_id for run in runs) else [],
        "runs": [(run, steps[run.pk]) for run in runs if run.group_id is None],
        "watched": _watched(runs),
        "preview": preview_training_set(stage) if may_train and not live else None,
        "following": project.stages.filter(kind=stage.kind, number=stage.number + 1).first(),
        "promoted": promotion and tell(promotion),
        "may_promote": stage.status == Stage.Status.LABELS_FINAL and any(run.model_version for run in runs),
        "live": live,
    }
    return render_page_or_fragment(request, "training/stage.html", "training/_training-panel.html", context)


@require_GET
@project_view(LEAD, ADMIN)
def models_page(request, project):
    """Every model version, each under the one it was trained from."""
    return render(request, "training/models.html", {"trees": grow_tree(project)})


def _watched(runs):
    """(run, its losses) of the run that is learning, or that waits to; None without."""
    live = [run for run in runs if progress.is_live(run)]
    learning = [run for run in live if run.status == run.Status.RUNNING]
    return next(((run, progress.curves(run).losses) for run in (learning or live)[::-1]), None)


def _stage(project, stage_key):
    stages = project.stages.select_related("project", "model_version")
    return get_object_or_404(stages.at(stage_key))
