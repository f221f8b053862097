"""Reference labels: what an expert who reads a gold response well would answer."""

from django.db import transaction

from annotation.answers import (
    InvalidAnswers,
    check_answers,
    erase_answers,
    load_answers,
    write_answers,
)
from annotation.deciding import lock_response, require_changeable
from annotation.models import ReferenceLabel
from core import audit
from core.access import ADMIN, LEAD
from core.errors import NotAllowed
from core.policies import whole


@transaction.atomic
def set_reference(*, response, scores, by, now, labels=None):
    """Note the known label of a response, under its stage's policy. Returns the ReferenceLabel.

    `scores` {axis key: whole number} for every axis, `labels` {label set key: answer key} for every required set. Set
    again, the new answers take the place of the old, which the audit trail keeps; the same ones again change nothing.
    Raises InvalidAnswers naming every fault, NotAllowed for a person who is neither admin nor lead of the project.
    """
    response = lock_response(response.pk)
    require_changeable(response)
    project = response.stage.project
    if by is not None and not project.memberships.filter(user=by, role__in=[ADMIN, LEAD]).exists():
        raise NotAllowed("Only an admin or a lead of this project can set a reference label.")
    rubric = whole(response.stage.policy).rubric
    answers, faults = check_answers(rubric, scores=scores, labels=labels or {})
    if faults:
        raise InvalidAnswers(faults)
    params, reference = None, ReferenceLabel.objects.filter(response=response).first()
    if reference is not None:
        before = load_answers(ReferenceLabel, [reference.pk])[reference.pk]
        if before == answers and reference.policy_id == response.stage.policy_id:
            return reference
        params = {"before": _by_key(whole(reference.policy).rubric, before)}
        erase_answers(reference)
    reference, _ = ReferenceLabel.objects.update_or_create(
        response=response, defaults={"policy": response.stage.policy, "created_by": by, "created_at": now}
    )
    write_answers([(reference, answers)])
    audit.record("reference:set", reference, by=by, now=now, project=project.pk, params=params)
    return reference


def _by_key(rubric, answers):
    """{axis key: score} and {label set key: value key} in one, as the audit trail keeps them."""
    chosen = {value.pk: value.key for each in rubric.label_sets.all() for value in each.values.all()}
    scores = {axis.key: answers.scores[axis.pk] for axis in rubric.axes.all()}
    labels = {
        each.key: chosen[answers.labels[each.pk]]
        for each in rubric.label_sets.all()
        if each.pk in answers.labels
    }
    return {"scores": scores, "labels": labels}
