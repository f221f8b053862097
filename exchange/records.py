"""The records of a project as JSON lines, in the paper's structure, streamed in constant memory.

One object a response: {"prompt", "response", "expert_scores": {axis: [score, …]}, "final_score": {axis: score}} and
beside it ids, labels and provenance; README.md beside it lists every field. People appear under pseudonyms that are
the same in all of a project's records and tell nothing outside of it.
"""

import json

from django.utils.crypto import salted_hmac

from annotation.conversations import USER
from annotation.models import Response
from core.models import Axis, LabelSet, LabelValue, User
from evaluation.encoders import encoder_in_force
from exchange.record_rows import Around, chunks

ENCODER = json.JSONEncoder(ensure_ascii=False)
SAMPLING = ("temperature", "top_p", "max_new_tokens", "repetition_penalty", "seed")


def records(project, *, stage=None, unlabeled=False):
    """Yield the record of each response of `project` as a dict, in the order of stages and hand-out.

    `stage`: of this one alone, of any kind; without it, of the turns of the loop. Only responses with a final label,
    so that no one learns of ratings in progress; `unlabeled` adds the others, with `final_score` null.
    """
    responses = Response.objects.all() if unlabeled else Response.objects.filter(final_label__isnull=False)
    stages = project.stages.turns().order_by("number") if stage is None else [stage]
    names, encoder = Names(project), encoder_in_force()
    for each in stages:
        for rows in chunks(responses, each):
            around = Around(rows, encoder)
            for row in rows:
                yield _record(row, each, around, names)


def lines(project, **options):
    """`records` as JSON lines."""
    for record in records(project, **options):
        yield ENCODER.encode(record) + "\n"


class Names:
    """What the rows of a project point at, by key, read once: axes, label sets, policies, guidelines; and people's
    pseudonyms, derived from the installation's secret, the same in every export of a project."""

    def __init__(self, project):
        in_project = {"rubric__project": project}
        self.axes = dict(Axis.objects.filter(**in_project).order_by("position").values_list("pk", "key"))
        self.sets = dict(LabelSet.objects.filter(**in_project).order_by("position").values_list("pk", "key"))
        self.values = dict(
            LabelValue.objects.filter(label_set__rubric__project=project).values_list("pk", "key")
        )
        self.policies = dict(project.policies.values_list("pk", "version"))
        self.guidelines = dict(project.guideline_versions.values_list("pk", "version"))
        self.models = dict(project.model_versions.values_list("pk", "name"))
        self.simulated = set(User.objects.filter(is_simulated=True).values_list("pk", flat=True))
        self.salt = f"evaluation.export:{project.pk}"  # as it was first: pseudonyms stay
        self.people, self.axis_orders, self.set_orders = {}, {}, {}

    def person(self, user_id):
        if user_id is None:
            return None
        if user_id not in self.people:
            self.people[user_id] = f"person-{salted_hmac(self.salt, str(user_id)).hexdigest()[:10]}"
        return self.people[user_id]

    def by_axis(self, scores):
        """{axis key: value} of scores by axis, in the rubric's order."""
        return {self.axes[pk]: scores[pk] for pk in _in_order(self.axes, scores, self.axis_orders)}

    def by_set(self, labels):
        """{label set key: value key} of labels by label set, in the rubric's order."""
        return {
            self.sets[pk]: self.values[labels[pk]] for pk in _in_order(self.sets, labels, self.set_orders)
        }


def _in_order(known, found, orders):
    """The keys of `found` in the order of `known`; kept in `orders`, because nearly all ratings have the same."""
    given = tuple(found)
    if given not in orders:
        orders[given] = [pk for pk in known if pk in found]
    return orders[given]


def _record(row, stage, around, names):
    ratings, label = around.ratings[row.pk], row.label
    scores = [names.by_axis(around.given[rating.pk].scores) for rating in ratings]
    labels = [names.by_set(around.given[rating.pk].labels) for rating in ratings]
    axes = dict.fromkeys(key for each in scores for key in each)
    sets = dict.fromkeys(key for each in labels for key in each)
    cosine = around.cosines.get(row.pk)
    return {
        "prompt": row.prompt,
        "messages": [*around.earlier[row.prompt_pk], {"role": USER, "content": row.prompt}],
        "response": row.text,
        # One list an axis, in the order of "experts"; null where an expert gave none.
        "expert_scores": {axis: [each.get(axis) for each in scores] for axis in axes},
        "final_score": names.by_axis(around.final[label].scores) if label else None,
        "experts": [names.person(rating.expert) for rating in ratings],
        "expert_labels": {key: [each.get(key) for each in labels] for key in sets},
        "final_labels": names.by_set(around.final[label].labels) if label else None,
        "alignment": row.alignment,
        "revised_response": row.revision,
        "provenance": _provenance(row, around.counted[label], names) if label else None,
        "ratings": [_rating(rating, names) for rating in ratings],
        "superseded_ratings": _superseded(around.superseded[row.pk], ratings, around.given, names),
        "id": row.pk,
        "prompt_id": row.prompt_id,
        "split": row.split,
        "stage": stage.number,
        "stage_kind": stage.kind,
        "copy_of": row.copy_of,
        "model": names.models[row.model],
        "candidate": row.candidate,
        "status": row.status,
        "set_aside": row.set_aside,
        "sampling": {name: getattr(row, name) for name in SAMPLING} if row.sampling else None,
        "coherence": cosine and {"cosine": cosine[0], "is_refusal": cosine[1]},
    }


def _provenance(row, counted, names):
    return {
        "source": row.source,
        "rule": row.rule or None,
        "rating_ids": sorted(counted),
        "policy_version": names.policies[row.policy],
        "decision_id": row.decision,
        "decided_by": names.person(row.decided_by),
        "decided_at": row.decided_at and row.decided_at.isoformat(),
        "outcome": row.outcome,
        "rationale": row.rationale,
        "finalized_by": names.person(row.finalized_by),
        "finalized_at": row.finalized_at.isoformat(),
    }


def _rating(rating, names):
    return {
        "id": rating.pk,
        "expert": names.person(rating.expert),
        "simulated": rating.expert in names.simulated,
        "comment": rating.comment,
        "revised_response": rating.revised_response,
        "asks_senior": rating.asks_senior,
        "policy_version": names.policies[rating.policy],
        "guidelines_version": names.guidelines[rating.guidelines],
        "submitted_at": rating.submitted_at.isoformat(),
    }


def _superseded(superseded, ratings, given, names):
    """The ratings of a response that count no more, with their answers, which stand in none of the record's lists."""
    after = {rating.supersedes: rating.pk for rating in [*superseded, *ratings]}
    return [
        _rating(rating, names)
        | {
            "superseded_at": rating.superseded_at.isoformat(),
            "superseded_by": after.get(rating.pk),
            "scores": names.by_axis(given[rating.pk].scores),
            "labels": names.by_set(given[rating.pk].labels),
        }
        for rating in superseded
    ]
