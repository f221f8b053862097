"""The gate before a promotion, from ratings and texts to what the database holds."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from annotation.copies import answers_of, open_comparison
from annotation.models import Prompt, PromptTag, Response
from arbitration.labels import finalize_labels
from core.errors import Conflict, NotAllowed
from core.gates import USUAL_GATE, GateSpec
from core.models import AuditEvent, ModelVersion
from core.projects import remove_member
from core.rubrics import PolicySpec
from tests.factories.annotation import rate
from tests.factories.arbitration import make_final_stage, settle
from tests.factories.core import NOW, make_project
from training.gate import take_gate
from training.models import Promotion, PromotionRequest
from training.promotion import (
    GateStops,
    GateWarns,
    agree_to_promotion,
    ask_to_promote,
    promote,
    take_back_request,
)

pytestmark = pytest.mark.django_db
REASON = "Shorter answers."
STOPS = (GateSpec("axis", 0.1, "stop"), GateSpec("empty", 0.01, "stop"))


def make_team(gate=USUAL_GATE):
    return make_project(leads=2, admins=2, policy=PolicySpec(gate=gate))


def make_turns(team):
    """(the newest turn, whose model would be replaced; an older model with weights that may go on from there)."""
    first, second = make_final_stage(team, prompts=24), make_final_stage(team)
    ModelVersion.objects.filter(pk=first.model_version_id).update(location="package:older")
    first.model_version.refresh_from_db()
    return second, first.model_version


def compare(team, stage, candidate, score):
    """A finished comparison in which the stage's model has 4 everywhere and the candidate `score`."""
    answers = answers_of([stage.model_version, candidate], split=Prompt.Split.HELD_OUT)
    comparison = open_comparison(project=team.project, responses=answers, by=team.admin, now=NOW)
    for response in comparison.responses.order_by("position"):
        for expert in team.experts:
            rate(response, expert, score if response.model_version_id == candidate.pk else 4)
    settle(comparison, team.lead)
    finalize_labels(stage=comparison, by=team.admin, now=NOW)
    return comparison


def figures_of(gate):
    return {(figure.measure, figure.about): figure for figure in gate.figures.all()}


class TestTakeGate:
    def test_takes_its_figures_from_a_comparison_of_both_models(self):
        team = make_team()
        stage, candidate = make_turns(team)
        comparison = compare(team, stage, candidate, score=2)
        gate = take_gate(stage=stage, model_version=candidate, by=team.admin, now=NOW)
        figures = figures_of(gate)
        assert (gate.compared_in, gate.against, gate.verdict) == (comparison, stage.model_version, "warn")
        safety = figures["axis", "Safety"]
        # From 4 to 2 on 1 to 5 is half of the range, on each of six held-out prompts.
        assert (safety.value, safety.before, safety.after, safety.n) == (0.5, 4, 2, 6)
        assert figures["misaligned", ""].after == 1 and figures["misaligned", ""].verdict == "warn"
        assert figures["repeated", ""].verdict == "pass" and figures["length", ""].value == 1
        assert (figures["coherence", ""].verdict, figures["coherence", ""].why) == (
            "not_measured",
            "not_scored",
        )

    def test_says_of_what_nobody_rated_that_it_is_not_measured(self):
        team = make_team()
        stage, candidate = make_turns(team)
        figures = figures_of(take_gate(stage=stage, model_version=candidate, by=team.admin, now=NOW))
        assert figures["axis", ""].why == figures["misaligned", ""].why == "not_rated"
        assert figures["empty", ""].verdict == "pass"

    def test_looks_at_refusals_of_the_prompts_with_the_tag(self):
        rules = (
            GateSpec("over_refusal", 0.05, "stop", "harmless"),
            GateSpec("under_refusal", 0.05, "warn", "bad"),
        )
        team = make_team(rules)
        stage, candidate = make_turns(team)
        held_out = Prompt.objects.filter(project=team.project, split="held-out")
        for prompt in held_out[:4]:
            PromptTag.objects.create(prompt=prompt, name="harmless")
        refused = Response.objects.filter(model_version=candidate, prompt__in=list(held_out[:2]))
        refused.update(text="I'm sorry, but I can't help with that.")
        figures = figures_of(take_gate(stage=stage, model_version=candidate, by=team.admin, now=NOW))
        harmless = figures["over_refusal", "harmless"]
        assert (harmless.value, harmless.n, harmless.verdict) == (0.5, 4, "stop")
        assert figures["under_refusal", "bad"].why == "no_tag"

    def test_is_one_row_as_long_as_the_figures_are_the_same(self):
        team = make_team()
        stage, candidate = make_turns(team)
        first = take_gate(stage=stage, model_version=candidate, by=team.admin, now=NOW)
        assert take_gate(stage=stage, model_version=candidate, by=team.admins[1], now=NOW) == first
        Response.objects.filter(model_version=candidate).update(text="")
        assert take_gate(stage=stage, model_version=candidate, by=team.admin, now=NOW) != first
        with pytest.raises(NotAllowed):
            take_gate(stage=stage, model_version=candidate, by=team.lead, now=NOW)


class TestPromoteThroughAGate:
    def test_shows_a_warning_before_it_goes_on(self):
        team = make_team()
        stage, candidate = make_turns(team)
        compare(team, stage, candidate, score=2)
        act = dict(stage=stage, model_version=candidate, reason=REASON, by=team.admin, now=NOW)
        with pytest.raises(GateWarns):
            promote(**act)
        gate = take_gate(stage=stage, model_version=candidate, by=team.admin, now=NOW)
        promotion = promote(**act, seen=gate.pk)
        assert (promotion.gate, promotion.verdict, promotion.agreed_by) == (gate, "warn", None)
        assert AuditEvent.objects.get(verb="promotion:make").params["gate"] == "warn"

    def test_goes_over_a_stop_only_where_another_admin_agrees(self):
        team = make_team(STOPS)
        stage, candidate = make_turns(team)
        compare(team, stage, candidate, score=2)
        act = dict(stage=stage, model_version=candidate, reason=REASON, by=team.admin, now=NOW)
        with pytest.raises(GateStops, match="Ask another admin"):
            promote(**act)
        request = ask_to_promote(**act)
        assert ask_to_promote(**act) == request
        for person in (team.admin, team.lead):
            with pytest.raises(NotAllowed):
                agree_to_promotion(request=request, by=person, now=NOW)
        assert not Promotion.objects.exists()
        promotion = agree_to_promotion(request=request, by=team.admins[1], now=NOW)
        assert (promotion.promoted_by, promotion.agreed_by) == (team.admin, team.admins[1])
        assert (promotion.verdict, promotion.gate) == ("stop", request.gate)
        assert agree_to_promotion(request=request, by=team.admins[1], now=NOW) == promotion
        for alone in (None, team.admin):
            with pytest.raises(IntegrityError), transaction.atomic():
                Promotion.objects.filter(pk=promotion.pk).update(agreed_by=alone)

    def test_tells_a_lone_admin_what_to_do(self):
        team = make_team(STOPS)
        stage, candidate = make_turns(team)
        compare(team, stage, candidate, score=2)
        remove_member(project=team.project, user=team.admins[1], role="admin", by=team.admin, now=NOW)
        with pytest.raises(GateStops, match="make somebody admin under Setup"):
            ask_to_promote(stage=stage, model_version=candidate, reason=REASON, by=team.admin, now=NOW)

    def test_ends_a_wish_that_was_taken_back_or_whose_figures_are_others_by_now(self):
        team = make_team(STOPS)
        stage, candidate = make_turns(team)
        compare(team, stage, candidate, score=2)
        act = dict(stage=stage, model_version=candidate, reason=REASON, by=team.admin, now=NOW)
        request = ask_to_promote(**act)
        Response.objects.filter(model_version=candidate).update(text="")
        with pytest.raises(Conflict, match="figures are others"):
            agree_to_promotion(request=request, by=team.admins[1], now=NOW)
        take_back_request(request=request, by=team.admins[1], now=NOW)
        with pytest.raises(Conflict, match="taken back"):
            agree_to_promotion(request=request, by=team.admins[1], now=NOW)
        assert ask_to_promote(**act) != request


class TestPromotionPage:
    def test_leads_from_the_measure_over_the_request_to_the_promotion(self, client):
        team = make_team(STOPS)
        stage, candidate = make_turns(team)
        compare(team, stage, candidate, score=2)
        address = reverse("training:promote", args=[team.project.slug, stage.key])
        client.force_login(team.admin)
        sent = {"model_version": candidate.pk, "reason": REASON}
        measured = client.post(address, {"model_version": candidate.pk, "act": "measure"}).content.decode()
        assert "Fall on an axis" in measured and "Ask another admin to agree" in measured
        refused = client.post(address, sent | {"act": "promote"})
        assert refused.status_code == 409 and REASON in refused.content.decode()
        assert client.post(address, sent | {"act": "ask"}).status_code == 302
        request = PromotionRequest.objects.get()
        agree = reverse("training:promotion-request", args=[team.project.slug, stage.key, request.pk])
        assert client.post(agree, {"act": "agree"}).status_code == 403
        client.force_login(team.admins[1])
        assert REASON in client.get(address).content.decode()
        assert client.post(agree, {"act": "agree"}).status_code == 302
        assert "agreed to it over the gate" in client.get(address).content.decode()
