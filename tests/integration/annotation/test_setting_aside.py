"""Prompts and responses that are taken out of the work, and brought back."""

import pytest

from annotation.assignment import next_assignment, take_slot
from annotation.copies import open_comparison
from annotation.models import Assignment, Draft, Response, SettingAside
from annotation.responses import NewResponse, add_responses, open_rating, prompts_without_response
from annotation.setting_aside import (
    bring_back_prompt,
    bring_back_response,
    set_aside_prompt,
    set_aside_response,
)
from core.errors import Conflict, InvalidInput
from core.models import AuditEvent, ModelVersion
from tests.factories.annotation import make_prompts, make_responses, make_stage, rate, responses_of
from tests.factories.arbitration import make_divergent, make_final_stage
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db
Status = Response.Status


def slots(response):
    return sorted(Assignment.objects.filter(response=response).values_list("status", flat=True))


class TestSetAsideResponse:
    def test_hands_it_out_no_more_and_tells_whoever_had_it(self, team, stage):
        response = responses_of(stage)[0]
        take_slot(response=response, expert=team.experts[0], now=NOW)
        rate(response, team.experts[1])
        set_aside_response(response=response, reason="Holds a phone number.", by=team.admin, now=NOW)
        response.refresh_from_db()
        assert (response.status, response.set_aside.reason) == (Status.SET_ASIDE, "Holds a phone number.")
        assert slots(response) == ["closed", "closed", "submitted"]
        assert Draft.objects.get().called_in_at == NOW
        assert AuditEvent.objects.filter(verb="response:set_aside", actor=team.admin).count() == 1

    def test_twice_is_the_same_as_once_and_needs_a_reason(self, team, stage):
        response = responses_of(stage)[0]
        with pytest.raises(InvalidInput, match="Say in a sentence"):
            set_aside_response(response=response, reason=" ", by=team.admin, now=NOW)
        for _ in range(2):
            set_aside_response(response=response, reason="Spam.", by=team.admin, now=NOW)
        assert SettingAside.objects.count() == 1

    def test_is_too_late_once_labels_are_final(self):
        team = make_project()
        response = responses_of(make_final_stage(team))[0]
        with pytest.raises(Conflict, match="final"):
            set_aside_response(response=response, reason="Spam.", by=team.admin, now=NOW)


class TestBringBackResponse:
    def test_goes_on_where_it_stood(self, team, stage):
        fresh, begun, agreed, apart = responses_of(stage)
        rate(begun, team.experts[0])
        for expert in team.experts[:3]:
            rate(agreed, expert)
        make_divergent(apart, team.experts[:3])
        before = {
            each.pk: (Response.objects.get(pk=each.pk).status, slots(each)) for each in responses_of(stage)
        }
        for response in responses_of(stage):
            set_aside_response(response=response, reason="Spam.", by=team.admin, now=NOW)
        assert next_assignment(stage=stage, expert=team.experts[0], now=NOW) is None
        for response in responses_of(stage):
            for _ in range(2):
                bring_back_response(response=response, by=team.admin, now=NOW)
        after = {
            each.pk: (Response.objects.get(pk=each.pk).status, slots(each)) for each in responses_of(stage)
        }
        assert after == before
        assert next_assignment(stage=stage, expert=team.experts[0], now=NOW).response_id == fresh.pk


class TestSetAsidePrompt:
    def test_takes_its_responses_in_open_stages_along_and_back(self):
        team = make_project()
        stage = make_final_stage(team)
        compared = open_comparison(
            project=team.project, responses=self.of_two_models(team, stage), by=team.admin, now=NOW
        )
        front = make_stage(team.project, model_name="later")
        make_responses(front)
        prompt = compared.responses.first().prompt
        set_aside_prompt(prompt=prompt, reason="Nonsense.", by=team.admin, now=NOW)
        found = dict(prompt.responses.values_list("stage", "status"))
        assert found == {stage.pk: Status.LABELED, compared.pk: Status.SET_ASIDE, front.pk: Status.SET_ASIDE}
        open_rating(stage=front, by=team.admin, now=NOW)
        bring_back_prompt(prompt=prompt, by=team.admin, now=NOW)
        found = dict(prompt.responses.values_list("stage", "status"))
        assert found == {
            stage.pk: Status.LABELED,
            compared.pk: Status.AWAITING_RATINGS,
            front.pk: Status.AWAITING_RATINGS,
        }
        assert slots(front.responses.get(prompt=prompt)) == ["open"] * 3

    def of_two_models(self, team, stage):
        one, two = stage.responses.order_by("pk")[:2]
        other = ModelVersion.objects.create(project=team.project, name="other", created_at=NOW)
        Response.objects.filter(pk=two.pk).update(model_version=other)
        return [one, two]

    def test_asks_it_of_no_model(self, team):
        one, other = make_prompts(team.project, count=2)
        stage = make_stage(team.project, model_name="m")
        set_aside_prompt(prompt=one, reason="Nonsense.", by=team.admin, now=NOW)
        assert list(prompts_without_response(stage)) == [other]
        answers = [NewResponse(prompt, "Yes.", stage.model_version) for prompt in (one, other)]
        assert [each.prompt for each in add_responses(stage=stage, answers=answers, now=NOW)] == [other]
        bring_back_prompt(prompt=one, by=team.admin, now=NOW)
        assert list(prompts_without_response(stage)) == [one]

    def test_keeps_its_responses_aside_as_long_as_it_is(self, team, stage):
        response = responses_of(stage)[0]
        set_aside_prompt(prompt=response.prompt, reason="Nonsense.", by=team.admin, now=NOW)
        with pytest.raises(Conflict, match="prompt is set aside"):
            bring_back_response(response=response, by=team.admin, now=NOW)

    def test_leaves_aside_what_was_set_aside_for_a_reason_of_its_own(self, team, stage):
        response = responses_of(stage)[0]
        set_aside_response(response=response, reason="Spam.", by=team.admin, now=NOW)
        set_aside_prompt(prompt=response.prompt, reason="Nonsense.", by=team.admin, now=NOW)
        bring_back_prompt(prompt=response.prompt, by=team.admin, now=NOW)
        response.refresh_from_db()
        assert (response.status, response.set_aside.reason) == (Status.SET_ASIDE, "Spam.")
