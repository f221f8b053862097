"""The records of a project as JSON lines, in the paper's structure, streamed in constant memory.

One object a response: {"prompt", "response", "expert_scores": {axis: [score, …]}, "final_score": {axis: score}} and
beside it ids, labels and provenance; README.md beside it lists every field. People appear under pseudonyms that are
the same in all of a project's records and tell nothing outside of it.
"""

import json
from itertools import islice

from django.db.models import Prefetch
from django.utils.crypto import salted_hmac

from annotation.answers import label_rows, score_rows
from annotation.conversations import as_chat
from annotation.models import Rating, Response, load_earlier
from arbitration.models import FinalLabel
from core.models import Axis, LabelSet, LabelValue, User
from evaluation.encoders import encoder_in_force
from evaluation.models import CoherenceScore

CHUNK = 500  # responses read at once


def records(project, *, stage=None, unlabeled=False):
    """Yield the record of each response of `project` as a dict, in the order of stages and hand-out.

    `stage`: of this one alone. Only responses with a final label, so that no one learns of ratings in progress;
    `unlabeled` adds the others, with `final_score` null.
    """
    responses = Response.objects.filter(stage__project=project)
    if stage is not None:
        responses = responses.filter(stage=stage)
    if not unlabeled:
        responses = responses.filter(final_label__isnull=False)
    names = Names(project)
    found = _with_everything(responses, encoder_in_force()).iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        load_earlier([response.prompt for response in chunk])
        for response in chunk:
            yield _record(response, names)


def lines(project, **options):
    """`records` as JSON lines."""
    for record in records(project, **options):
        yield json.dumps(record, ensure_ascii=False) + "\n"


class Names:
    """What the rows of a project point at, by key, read once: axes, label sets, policies; and people's pseudonyms,
    derived from the installation's secret, the same in every export of a project."""

    def __init__(self, project):
        in_project = {"rubric__project": project}
        self.axes = dict(Axis.objects.filter(**in_project).order_by("position").values_list("pk", "key"))
        self.sets = dict(LabelSet.objects.filter(**in_project).order_by("position").values_list("pk", "key"))
        self.values = dict(
            LabelValue.objects.filter(label_set__rubric__project=project).values_list("pk", "key")
        )
        self.policies = dict(project.policies.values_list("pk", "version"))
        self.models = dict(project.model_versions.values_list("pk", "name"))
        self.stages = dict(project.stages.values_list("pk", "number"))
        self.simulated = set(User.objects.filter(is_simulated=True).values_list("pk", flat=True))
        self.salt = f"evaluation.export:{project.pk}"
        self.people = {}

    def person(self, user_id):
        if user_id is None:
            return None
        if user_id not in self.people:
            self.people[user_id] = f"person-{salted_hmac(self.salt, str(user_id)).hexdigest()[:10]}"
        return self.people[user_id]

    def by_axis(self, scores):
        """{axis key: value} of score rows, in the rubric's order."""
        found = {score.axis_id: score.value for score in scores}
        return {key: found[pk] for pk, key in self.axes.items() if pk in found}

    def by_set(self, labels):
        """{label set key: value key} of label rows, in the rubric's order."""
        found = {label.label_set_id: self.values[label.value_id] for label in labels}
        return {key: found[pk] for pk, key in self.sets.items() if pk in found}


def _with_everything(responses, encoder):
    related = ("prompt", "sampling", "final_label__revision", "final_label__decision")
    return (
        responses.select_related(*related)
        .prefetch_related(
            # Into plain lists: a related manager for each of a million rows would take longer than reading them.
            Prefetch("ratings", Rating.objects.order_by("id"), to_attr="given"),
            Prefetch("given__scores", score_rows(Rating), to_attr="all_scores"),
            Prefetch("given__labels", label_rows(Rating), to_attr="all_labels"),
            Prefetch("final_label__scores", score_rows(FinalLabel), to_attr="all_scores"),
            Prefetch("final_label__labels", label_rows(FinalLabel), to_attr="all_labels"),
            Prefetch("final_label__ratings", Rating.objects.order_by().only("pk"), to_attr="all_ratings"),
            Prefetch(
                "coherence_scores",
                CoherenceScore.objects.filter(encoder=encoder),
                to_attr="current_coherence",
            ),
        )
        .order_by("stage__number", "position")
    )


def _record(response, names):
    ratings = response.given
    scores = [names.by_axis(rating.all_scores) for rating in ratings]
    labels = [names.by_set(rating.all_labels) for rating in ratings]
    label = getattr(response, "final_label", None)
    axes = list(dict.fromkeys(key for each in scores for key in each))
    sets = list(dict.fromkeys(key for each in labels for key in each))
    coherence = response.current_coherence[0] if response.current_coherence else None
    return {
        "prompt": response.prompt.text,
        "messages": as_chat(response.prompt.conversation),
        "response": response.text,
        # One list an axis, in the order of "experts"; null where an expert gave none.
        "expert_scores": {axis: [each.get(axis) for each in scores] for axis in axes},
        "final_score": names.by_axis(label.all_scores) if label else None,
        "experts": [names.person(rating.expert_id) for rating in ratings],
        "expert_labels": {key: [each.get(key) for each in labels] for key in sets},
        "final_labels": names.by_set(label.all_labels) if label else None,
        "alignment": label.alignment if label else None,
        "revised_response": label.revision.text if label and label.revision else None,
        "provenance": _provenance(label, names) if label else None,
        "ratings": [_rating(rating, names) for rating in ratings],
        "id": response.pk,
        "prompt_id": response.prompt.external_id,
        "split": response.prompt.split,
        "stage": names.stages[response.stage_id],
        "model": names.models[response.model_version_id],
        "candidate": response.candidate,
        "status": response.status,
        "sampling": _sampling(response),
        "coherence": coherence and {"cosine": coherence.cosine, "is_refusal": coherence.is_refusal},
    }


def _provenance(label, names):
    decision = label.decision
    return {
        "source": label.source,
        "rule": label.rule or None,
        "rating_ids": sorted(rating.pk for rating in label.all_ratings),
        "policy_version": names.policies[label.policy_id],
        "decision_id": decision and decision.pk,
        "decided_by": names.person(decision.lead_id) if decision else None,
        "decided_at": decision.created_at.isoformat() if decision else None,
        "outcome": decision.outcome if decision else None,
        "rationale": decision.rationale if decision else None,
        "finalized_by": names.person(label.finalized_by_id),
        "finalized_at": label.created_at.isoformat(),
    }


def _rating(rating, names):
    return {
        "id": rating.pk,
        "expert": names.person(rating.expert_id),
        "simulated": rating.expert_id in names.simulated,
        "comment": rating.comment,
        "revised_response": rating.revised_response,
        "asks_senior": rating.asks_senior,
        "policy_version": names.policies[rating.policy_id],
        "submitted_at": rating.submitted_at.isoformat(),
    }


def _sampling(response):
    if response.sampling is None:
        return None
    drawn = response.sampling
    return {
        "temperature": drawn.temperature,
        "top_p": drawn.top_p,
        "max_new_tokens": drawn.max_new_tokens,
        "repetition_penalty": drawn.repetition_penalty,
        "seed": response.seed,
    }
