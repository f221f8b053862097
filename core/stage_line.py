"""The loop as a line of stages, for the page that shows it."""

from django.urls import reverse

from core.models import Stage


def stage_line(project, stages, numbers_of=None):
    """What components/_stage_line.html draws: every stage, and the one that comes next.

    `numbers_of(stage)`: the steps with their numbers, where a room knows them.
    """
    line = [
        {
            "title": str(stage),
            "url": reverse("stage-detail", args=[project.slug, stage.key]),
            "model": str(stage.model_version or "imported responses"),
            "status": stage.get_status_display(),
            "tone": stage.COLOURS[stage.status],
            "steps": numbers_of(stage) if numbers_of else (),
            "state": "done" if stage.status == Stage.Status.COMPLETE else "current",
        }
        for stage in stages
    ]
    if stages:
        following = Stage(number=stages[-1].number + 1)
        text = (
            "Opens when an admin promotes a model trained on these labels."
            if stages[-1].status == Stage.Status.LABELS_FINAL
            else f"Opens when {str(stages[-1]).lower()} has final labels and an admin promotes a model trained on them."
        )
        line.append({"title": str(following), "state": "next", "text": text})
    return line
