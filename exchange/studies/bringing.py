"""Walking a Study through the use cases that the browser uses.

Every step looks first at what is there, and every form carries a key made from the project, the expert and the
response: an import that was cut off goes on where it stopped, and a finished one brings nothing twice. What is there
must be the folder's own, text for text (identity.py).
"""

import uuid
from collections import Counter
from dataclasses import dataclass

from django.db import transaction

from annotation.answers import with_answers
from annotation.assignment import take_slot
from annotation.importing import import_prompts, import_responses
from annotation.models import Divergence, DivergenceReason, Rating, Response
from annotation.rating import submit_rating
from annotation.responses import open_rating
from arbitration.cases import claim_case, resolve_case
from arbitration.models import Decision
from arbitration.panel import count_overridden
from core.accounts import create_account
from core.errors import Conflict
from core.models import Membership, Project, Stage, User
from core.projects import add_member, create_project, find_named, specs_of
from core.stages import open_stage
from exchange.studies.identity import LEAD, account_name, answer_of, missing_rows
from exchange.studies.study import Item, Study


@dataclass
class Brought:
    """What stands after an import. `new_ratings` and `new_decisions` are 0 where all of it was there already.

    `overridden`: decisions for a value that no expert gave. `unlike`: agreed responses whose adjudicated label is
    another than the experts'.
    """

    project: Project
    stage: Stage
    ratings: int
    new_ratings: int
    escalations: int
    decisions: int
    new_decisions: int
    overridden: int
    unlike: int
    reasons: Counter

    @property
    def was_there(self):
        return not self.new_ratings and not self.new_decisions


def bring(study: Study, *, name, by, now, progress) -> Brought:
    """Bring a study in as the first stage of a project. Returns what stands then.

    `progress(items, label, total)` wraps the two long loops. Raises Conflict where the project's name belongs to
    another project or its texts, models, raters or answers are not the study's, InvalidInput where prompts or responses
    cannot be taken.
    """
    project = _project(study, name or study.name, by, now)
    stage = _stage(study, project, by, now)
    experts = {expert: _account(project, expert, Membership.Role.EXPERT, by, now) for expert in study.experts}
    new_ratings = _bring_ratings(study, stage, experts, now, progress)
    new_decisions = _bring_decisions(study, project, stage, by, now, progress)
    return _taken_stock(study, project, stage, new_ratings, new_decisions)


def stored_items(study: Study, stage) -> list[Item]:
    """The study's items with the answers as the database holds them, for figures over what was really brought; what
    was corrected since is not the study's."""
    responses = Response.objects.filter(stage=stage).select_related("prompt", "model_version")
    answers = {response.pk: {} for response in responses}
    ratings = Rating.objects.filter(response__stage=stage, supersedes=None).select_related("expert")
    for rating in with_answers(ratings):
        answers[rating.response_id][str(rating.expert)] = answer_of(rating)
    adjudicated = {item.key: item.adjudicated for item in study.items}
    items = []
    for response in responses:
        key = response.prompt.external_id, response.candidate
        model = response.model_version.name
        items.append(Item(*key, model, response.text, answers[response.pk], adjudicated.get(key)))
    return sorted(items, key=lambda item: item.key)


def _project(study, name, by, now):
    found = find_named(name)
    if found is None:
        return create_project(
            name=name, by=by, now=now, guidelines=study.guidelines, rubric=study.rubric, policy=study.policy
        )
    if specs_of(found.policies.order_by("version").first()) != (study.rubric, study.policy):
        raise Conflict(f"There is already another project called “{name}”: choose a name with --project.")
    return found


def _stage(study, project, by, now):
    """The stage with the study's prompts and responses, open for rating."""
    stage = project.stages.turns().order_by("number").first()
    prompts, items = missing_rows(study, project, stage)
    if prompts:
        import_prompts(project=project, rows=prompts, by=by, now=now)
    if stage is None:
        stage = open_stage(project=project, model_version=None, by=by, now=now)
    if stage.status == Stage.Status.RESPONDING:
        rows = [
            {
                "prompt_id": item.prompt_id,
                "candidate": item.candidate,
                "model": item.model,
                "text": item.text,
                "ratings": len(item.answers) or None,
            }
            for item in items
        ]
        if rows:
            import_responses(stage=stage, rows=rows, by=by, now=now)
        stage = open_rating(stage=stage, by=by, now=now)
    return stage


def _account(project, name, role, by, now):
    """The account of a person of the set: without a password, so that nobody can sign in as them."""
    username = account_name(name, project)
    user = User.objects.filter(username=username).first()
    if user is None:
        user = create_account(username=username, password=None, full_name=name, by=by, now=now)
    add_member(project=project, user=user, role=role, by=by, now=now)
    return user


def _bring_ratings(study, stage, experts, now, progress):
    """Every rating, through a slot leased to its expert. Returns how many were new."""
    responses = _by_key(stage)
    ratings = Rating.objects.current().filter(response__stage=stage)
    given = set(ratings.values_list("response", "expert"))
    missing = [
        (
            item,
            [expert for expert in item.answers if (responses[item.key].pk, experts[expert].pk) not in given],
        )
        for item in study.items
    ]
    missing = [(item, names) for item, names in missing if names]
    total = sum(len(names) for _, names in missing)
    with progress(total, "ratings") as tick:
        for item, names in missing:
            # One transaction a response: k commits would only wait for the disk.
            with transaction.atomic():
                for name in names:
                    _rate(responses[item.key], experts[name], item.answers[name], now)
                    tick()
    return total


def _rate(response, expert, answer, now):
    slot = take_slot(response=response, expert=expert, now=now)
    if slot is None:
        raise Conflict(f"Response {response.pk} has no open slot for {expert}: was it rated in the browser?")
    submit_rating(
        assignment=slot,
        by=expert,
        scores=answer.scores,
        labels=answer.labels,
        submission=_submission("rating", expert, response),
        now=now,
    )


def _bring_decisions(study, project, stage, by, now, progress):
    """The adjudicated answer of every response that diverged, as the decision of a lead. Returns how many were new."""
    adjudicated = {item.key: item.adjudicated for item in study.items if item.adjudicated}
    if not adjudicated:
        return 0
    lead = _account(project, LEAD, Membership.Role.LEAD, by, now)
    waiting = [
        (response, adjudicated[key])
        for key, response in _by_key(stage, status=Response.Status.DIVERGENT).items()
        if key in adjudicated
    ]
    with progress(len(waiting), "decisions") as tick:
        for response, answer in waiting:
            resolve_case(
                case=claim_case(response=response, by=lead, now=now),
                by=lead,
                scores=answer.scores,
                labels=answer.labels,
                rationale=study.rationale,
                submission=_submission("decision", lead, response),
                now=now,
            )
            tick()
    return len(waiting)


def _taken_stock(study, project, stage, new_ratings, new_decisions):
    findings = Divergence.objects.current().filter(response__stage=stage)
    reasons = DivergenceReason.objects.filter(divergence__in=findings)
    decisions = Decision.objects.standing().filter(case__response__stage=stage)
    return Brought(
        project=project,
        stage=stage,
        ratings=Rating.objects.current().filter(response__stage=stage).count(),
        new_ratings=new_ratings,
        escalations=findings.count(),
        decisions=decisions.count(),
        new_decisions=new_decisions,
        overridden=count_overridden(stage),
        unlike=sum(_is_unlike(item) for item in study.items),
        reasons=Counter(reason.get_kind_display() for reason in reasons),
    )


def _is_unlike(item):
    """Whether all experts gave one and the same answer, and the adjudicated one is another."""
    first, *others = item.answers.values()
    return (
        item.adjudicated is not None and all(other == first for other in others) and first != item.adjudicated
    )


def _by_key(stage, **conditions):
    responses = Response.objects.filter(stage=stage, **conditions).select_related("prompt", "stage__policy")
    return {(response.prompt.external_id, response.candidate): response for response in responses}


def _submission(what, person, response):
    return uuid.uuid5(uuid.NAMESPACE_URL, f"concord:{what}:{person.pk}:{response.pk}")
