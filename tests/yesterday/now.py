"""What the fixture's rows mean today, read from today's tables. Whoever moves a table adapts this file, and only it.

The expected figures were written by this file as it stood when the fixture was, so its answers never change.
"""

import hashlib
import io
import json

from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection

from annotation.models import Divergence, Rating
from arbitration.models import Decision, FinalLabel
from core.models import Project
from exchange.records import lines
from training.dataset import file_of, line_of
from training.models import TrainingSet

MOVED = {"core_axistolerance": "SELECT COUNT(*) FROM core_axisrule"}
"""Tables that are called otherwise, were merged or are gone: {old table: a SELECT that counts its rows today}."""


def counts(tables):
    """{table of the fixture: rows that stand for it today}."""
    counted = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(MOVED.get(table) or f'SELECT COUNT(*) FROM "{table}"')
            (counted[table],) = cursor.fetchone()
    return counted


def answers():
    """Every rating's, decision's and final label's answers in the domain's keys, and why responses diverged.

    {"ratings" | "decisions" | "final_labels": {place: {"scores": {axis key: number}, "labels": {label set key: value
    key}, …}}}; a place is project/stage number/prompt id/candidate, of a rating with the expert's username behind it.
    """
    ratings = Rating.objects.select_related("expert", "policy", *_joins("response"))
    decisions = Decision.objects.select_related("lead", "policy", *_joins("case__response"))
    divergences = Divergence.objects.select_related(*_joins("response"))
    labels = FinalLabel.objects.select_related("policy", "revision", *_joins("response"))
    return {
        "ratings": {
            f"{_place(rating.response)}/{rating.expert.username}": _given(rating.scores, rating.labels)
            | {
                "policy": rating.policy.version,
                "comment": rating.comment,
                "revised_response": rating.revised_response,
                "asks_senior": rating.asks_senior,
                "seconds": rating.seconds,
                "submission": str(rating.submission),
            }
            for rating in ratings
        },
        "decisions": {
            _place(decision.case.response): _given(decision.scores, decision.labels)
            | {
                "policy": decision.policy.version,
                "lead": decision.lead.username,
                "outcome": decision.outcome,
                "rationale": decision.rationale,
            }
            for decision in decisions
        },
        "divergences": {
            _place(divergence.response): [_reason(reason) for reason in divergence.reasons.order_by("id")]
            for divergence in divergences
        },
        "final_labels": {
            _place(label.response): _given(label.scores, label.labels)
            | {
                "policy": label.policy.version,
                "alignment": label.alignment,
                "source": label.source,
                "rule": label.rule,
                "revision": label.revision.text if label.revision else "",
            }
            for label in labels
        },
    }


def training_sets():
    """{sha256 as frozen: [sha256 of the lines made from rows, sha256 of the stored file]}."""
    found = {}
    for training_set in TrainingSet.objects.all():
        examples = training_set.examples.select_related("final_label__response__prompt").order_by("position")
        with default_storage.open(file_of(training_set)) as file:
            stored = hashlib.sha256(file.read()).hexdigest()
        rows = hashlib.sha256(b"".join(map(line_of, examples))).hexdigest()
        found[training_set.sha256] = [rows, stored]
    return found


def records():
    """{project's slug: the lines of its export, responses without a final label among them}."""
    return {project.slug: list(lines(project, unlabeled=True)) for project in Project.objects.order_by("pk")}


def reports():
    """{project's slug: what `report --json` prints}."""
    printed = {}
    for slug in Project.objects.order_by("slug").values_list("slug", flat=True):
        out = io.StringIO()
        call_command("report", project=slug, as_json=True, stdout=out)
        printed[slug] = json.loads(out.getvalue())
    return printed


def _joins(response):
    return f"{response}__prompt", f"{response}__stage__project"


def _place(response):
    stage = response.stage
    return f"{stage.project.slug}/{stage.number}/{response.prompt.external_id}/{response.candidate}"


def _given(scores, labels):
    return {
        "scores": {score.axis.key: score.value for score in scores.select_related("axis")},
        "labels": {
            label.label_set.key: label.value.key for label in labels.select_related("label_set", "value")
        },
    }


def _reason(reason):
    return {
        "kind": reason.kind,
        "axis": reason.axis.key if reason.axis else None,
        "spread": reason.spread,
        "tau": reason.tau,
        "label_set": reason.label_set.key if reason.label_set else None,
        "values": sorted(value.key for value in reason.values.all()),
        "asked_by": reason.asked_by.username if reason.asked_by else None,
    }
