"""The records of a project as JSON lines, in the paper's structure, streamed in constant memory.

One object a response: {"prompt", "response", "expert_scores": {axis: [score, …]}, "final_score": {axis: score}} and
beside it ids, labels and provenance; evaluation/README.md lists every field. People appear under pseudonyms that are
the same in all of a project's records and tell nothing outside of it.
"""

import json

from django.db.models import Prefetch
from django.utils.crypto import salted_hmac

from annotation.models import Rating, RatingLabel, RatingScore, Response
from arbitration.models import FinalLabelValue, FinalScore
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
    encoder = encoder_in_force()
    people = Pseudonyms(project)
    for response in _with_everything(responses, encoder).iterator(chunk_size=CHUNK):
        yield _record(response, people)


def lines(project, **options):
    """`records` as JSON lines."""
    for record in records(project, **options):
        yield json.dumps(record, ensure_ascii=False) + "\n"


class Pseudonyms:
    """One name a person, derived from the installation's secret: the same in every export of a project."""

    def __init__(self, project):
        self.salt = f"evaluation.export:{project.pk}"
        self.known = {}

    def of(self, user_id):
        if user_id is None:
            return None
        if user_id not in self.known:
            self.known[user_id] = f"person-{salted_hmac(self.salt, str(user_id)).hexdigest()[:10]}"
        return self.known[user_id]


def _with_everything(responses, encoder):
    scores = RatingScore.objects.select_related("axis").order_by("axis__position")
    labels = RatingLabel.objects.select_related("label_set", "value").order_by("label_set__position")
    ratings = Rating.objects.select_related("expert", "policy").order_by("id")
    final_scores = FinalScore.objects.select_related("axis").order_by("axis__position")
    values = FinalLabelValue.objects.select_related("label_set", "value").order_by("label_set__position")
    return (
        responses.select_related(
            "prompt",
            "stage",
            "model_version",
            "sampling",
            "final_label__policy",
            "final_label__revision",
            "final_label__decision",
        )
        .prefetch_related(
            Prefetch("ratings", ratings),
            Prefetch("ratings__scores", scores),
            Prefetch("ratings__labels", labels),
            Prefetch("final_label__scores", final_scores),
            Prefetch("final_label__values", values),
            "final_label__ratings",
            Prefetch(
                "coherence_scores",
                CoherenceScore.objects.filter(encoder=encoder),
                to_attr="current_coherence",
            ),
        )
        .order_by("stage__number", "position")
    )


def _record(response, people):
    ratings = list(response.ratings.all())
    scores = [{score.axis.key: score.value for score in rating.scores.all()} for rating in ratings]
    labels = [{label.label_set.key: label.value.key for label in rating.labels.all()} for rating in ratings]
    label = getattr(response, "final_label", None)
    axes = list(dict.fromkeys(key for each in scores for key in each))
    sets = list(dict.fromkeys(key for each in labels for key in each))
    coherence = response.current_coherence[0] if response.current_coherence else None
    return {
        "prompt": response.prompt.text,
        "response": response.text,
        # One list an axis, in the order of "experts"; null where an expert gave none.
        "expert_scores": {axis: [each.get(axis) for each in scores] for axis in axes},
        "final_score": {score.axis.key: score.value for score in label.scores.all()} if label else None,
        "experts": [people.of(rating.expert_id) for rating in ratings],
        "expert_labels": {key: [each.get(key) for each in labels] for key in sets},
        "final_labels": {value.label_set.key: value.value.key for value in label.values.all()}
        if label
        else None,
        "alignment": label.alignment if label else None,
        "revised_response": label.revision.text if label and label.revision else None,
        "provenance": _provenance(label, people) if label else None,
        "ratings": [_rating(rating, people) for rating in ratings],
        "id": response.pk,
        "prompt_id": response.prompt.external_id,
        "split": response.prompt.split,
        "stage": response.stage.number,
        "model": response.model_version.name,
        "candidate": response.candidate,
        "status": response.status,
        "sampling": _sampling(response),
        "coherence": coherence and {"cosine": coherence.cosine, "is_refusal": coherence.is_refusal},
    }


def _provenance(label, people):
    decision = label.decision
    return {
        "source": label.source,
        "rule": label.rule or None,
        "rating_ids": sorted(rating.pk for rating in label.ratings.all()),
        "policy_version": label.policy.version,
        "decision_id": decision and decision.pk,
        "decided_by": people.of(decision.lead_id) if decision else None,
        "decided_at": decision.created_at.isoformat() if decision else None,
        "outcome": decision.outcome if decision else None,
        "rationale": decision.rationale if decision else None,
        "finalized_by": people.of(label.finalized_by_id),
        "finalized_at": label.created_at.isoformat(),
    }


def _rating(rating, people):
    return {
        "id": rating.pk,
        "expert": people.of(rating.expert_id),
        "simulated": rating.expert.is_simulated,
        "comment": rating.comment,
        "revised_response": rating.revised_response,
        "asks_senior": rating.asks_senior,
        "policy_version": rating.policy.version,
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
