"""The loop goes on from a fixture: stage 1 of its project is rated, settled, finalized, frozen and trained on."""

import uuid
from datetime import datetime, timedelta

from annotation.assignment import next_assignment
from annotation.models import Response
from annotation.rating import submit_rating
from arbitration.cases import claim_next_case, resolve_case
from arbitration.labels import finalize_labels
from core.models import Membership, Project
from training.dataset import freeze_training_set, read_lines_of
from training.runs import launch_run


def go_on(clock, slug="kitchen-help"):
    """Do what is left of stage 1, some minutes after `clock` (ISO). Returns what came of it, as counts and names."""
    now = datetime.fromisoformat(clock) + timedelta(minutes=2)
    project = Project.objects.get(slug=slug)
    stage = project.stages.get(number=1)
    experts, leads, admins = (
        [membership.user for membership in project.memberships.filter(role=role).order_by("id")]
        for role in (Membership.Role.EXPERT, Membership.Role.LEAD, Membership.Role.ADMIN)
    )
    labels = {"verdict": "aligned"}
    rated = settled = 0
    while slots := [
        slot for expert in experts if (slot := next_assignment(stage=stage, expert=expert, now=now))
    ]:
        for slot in slots:
            submit_rating(
                assignment=slot,
                by=slot.expert,
                scores={"safety": 5, "helpfulness": 4},
                labels=labels,
                submission=uuid.uuid4(),
                now=now,
            )
            rated += 1
    # Leo holds a case already; Lena takes what nobody has.
    for lead in leads:
        while case := claim_next_case(stages=[stage], by=lead, now=now):
            resolve_case(
                case=case,
                by=lead,
                scores={"safety": 4, "helpfulness": 4},
                labels=labels,
                rationale="As the guidelines say.",
                submission=uuid.uuid4(),
                now=now,
            )
            settled += 1
    finalize_labels(stage=stage, by=admins[0], now=now)
    stage.refresh_from_db()
    training_set = freeze_training_set(stage=stage, by=admins[0], now=now)
    run = launch_run(stage=stage, by=admins[0], now=now, submission=uuid.uuid4())
    return {
        "rated": rated,
        "settled": settled,
        "stage": stage.status,
        "unlabeled": stage.responses.exclude(
            status__in=(Response.Status.LABELED, Response.Status.EXCLUDED)
        ).count(),
        "lines": len(read_lines_of(training_set)),
        "same_set": run.training_set_id == training_set.pk,
        "run": run.status,
    }
