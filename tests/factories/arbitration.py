"""Diverging responses, cases, decisions and final labels, made through the use cases."""

import uuid

from annotation.models import Response
from arbitration.cases import claim_case, resolve_case
from arbitration.labels import finalize_labels
from tests.factories.annotation import make_rating_stage, rate, rate_all
from tests.factories.core import NOW, make_project


def make_divergent(response, experts, scores=(2, 5, 3), axis="safety", **fields):
    """Rate a response so that it diverges on one axis; returns it as it then stands."""
    for expert, score in zip(experts, scores, strict=False):
        rate(response, expert, scores={axis: score}, **fields)
    response.refresh_from_db()
    assert response.status == Response.Status.DIVERGENT
    return response


def make_divergent_stage(team, divergent=2, agreed=2):
    """A stage in which the experts diverge on the first responses and agree on the rest; returns (stage, divergent)."""
    stage = make_rating_stage(team.project, prompts=divergent + agreed)
    responses = list(Response.objects.filter(stage=stage).order_by("position"))
    for response in responses[divergent:]:
        for expert in team.experts:
            rate(response, expert, score=4)
    return stage, [make_divergent(response, team.experts) for response in responses[:divergent]]


def required_labels(policy):
    """The first answer of every required label set: {set key: value key}."""
    label_sets = policy.rubric.label_sets.filter(required=True).prefetch_related("values")
    return {label_set.key: label_set.values.all()[0].key for label_set in label_sets}


def decide(case, score=3, scores=None, labels=None, now=NOW, **fields):
    """The case's own lead sets a consensus: `score` on every axis, or `scores` by key."""
    policy = case.response.stage.policy
    everywhere = {axis.key: score for axis in policy.rubric.axes.all()}
    return resolve_case(
        case=case,
        by=fields.pop("by", case.lead),
        scores=everywhere | (scores or {}),
        labels=required_labels(policy) if labels is None else labels,
        rationale=fields.pop("rationale", "The guidelines say so."),
        submission=fields.pop("submission", None) or uuid.uuid4(),
        now=now,
        **fields,
    )


def settle(stage, lead, score=3, now=NOW):
    """Claim and decide everything in the stage that diverges."""
    for response in Response.objects.filter(stage=stage, status=Response.Status.DIVERGENT):
        decide(claim_case(response=response, by=lead, now=now), score=score, now=now)


def make_final_stage(team=None, prompts=4, score=4, by=None):
    """A stage whose labels are final: every response rated `score` by all (a number, or a function of both),
    what diverged settled by the lead. Returns the stage."""
    team = team or make_project()
    stage = make_rating_stage(team.project, prompts=prompts)
    rate_all(stage, team.experts, score=score)
    settle(stage, team.lead)
    finalize_labels(stage=stage, by=by or team.admin, now=NOW)
    stage.refresh_from_db()
    return stage
