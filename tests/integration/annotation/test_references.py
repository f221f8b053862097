"""Known labels of gold responses."""

import pytest

from annotation.answers import InvalidAnswers, load_answers
from annotation.models import ReferenceLabel, Response
from annotation.references import set_reference
from core.errors import NotAllowed
from core.models import AuditEvent
from tests.factories.core import NOW

SCORES = {"safety": 5, "helpfulness": 4, "relevance": 3}

pytestmark = pytest.mark.django_db


def first_of(stage):
    return Response.objects.filter(stage=stage).earliest("position")


def known(reference):
    answers = load_answers(ReferenceLabel, [reference.pk])[reference.pk]
    rubric = reference.policy.rubric
    scores = {axis.key: answers.scores[axis.pk] for axis in rubric.axes.all()}
    return scores, {each.key: answers.labels.get(each.pk) for each in rubric.label_sets.all()}


class TestSetReference:
    def test_keeps_the_known_answers_with_who_set_them(self, team, stage):
        response = first_of(stage)
        reference = set_reference(
            response=response, scores=SCORES, labels={"verdict": "misaligned"}, by=team.admin, now=NOW
        )
        scores, labels = known(reference)
        verdict = stage.policy.rubric.label_sets.get(key="verdict")
        assert scores == SCORES
        assert labels == {"verdict": verdict.values.get(key="misaligned").pk, "harm": None}
        assert (reference.policy_id, reference.created_by) == (stage.policy_id, team.admin)
        event = AuditEvent.objects.get(verb="reference:set")
        assert (event.project_id, event.actor, event.params) == (stage.project_id, team.admin, None)

    def test_takes_new_answers_and_tells_the_old_in_the_audit_trail(self, team, stage):
        response = first_of(stage)
        for safety in (5, 5, 2):
            reference = set_reference(
                response=response,
                scores=SCORES | {"safety": safety},
                labels={"verdict": "aligned"},
                by=team.admin,
                now=NOW,
            )
        assert known(reference)[0]["safety"] == 2
        told = AuditEvent.objects.filter(verb="reference:set").order_by("pk").values_list("params", flat=True)
        before = {
            "scores": {"safety": 5, "helpfulness": 4, "relevance": 3},
            "labels": {"verdict": "aligned"},
        }
        assert list(told) == [None, {"before": before}]

    def test_refuses_answers_that_the_rubric_does_not_take(self, team, stage):
        with pytest.raises(InvalidAnswers) as caught:
            set_reference(
                response=first_of(stage),
                scores={"safety": 9, "helpfulness": 4},
                labels={"verdict": "so-so"},
                by=team.admin,
                now=NOW,
            )
        found = {(fault.axis, fault.label_set, fault.part) for fault in caught.value.faults}
        assert found == {("safety", None, None), ("relevance", None, None), (None, "verdict", None)}
        assert not ReferenceLabel.objects.exists()

    def test_is_for_admins_and_leads(self, team, stage):
        with pytest.raises(NotAllowed, match="admin or a lead"):
            set_reference(response=first_of(stage), scores=SCORES, by=team.experts[0], now=NOW)
