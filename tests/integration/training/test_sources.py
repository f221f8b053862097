"""Lineage both ways, and the names that point at models."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from core.addresses import address_of
from core.errors import InvalidInput, NotAllowed
from core.guidelines import write_guidelines
from core.models import AuditEvent, ModelVersion
from jobs.models import Job
from tests.factories.core import NOW, make_project
from tests.factories.training import make_run, make_trainable_stage
from training.aliases import point_alias, take_alias_away
from training.models import ModelAlias, TrainingRun, TrainingSet
from training.sources import (
    learned_from,
    rests_on,
    sets_of_expert,
    sets_of_guidelines,
    sets_of_ratings,
    sets_of_response,
    sets_of_rubric,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(leads=2)


@pytest.fixture
def stage(team):
    return make_trainable_stage(team)


def make_tuned(stage, name="v1", parent=None):
    run = make_run(stage)
    model = ModelVersion.objects.create(
        project=stage.project, name=name, location="artifact:x", parent=parent, created_at=NOW
    )
    TrainingRun.objects.filter(pk=run.pk).update(status=Job.Status.SUCCEEDED, model_version=model)
    return model


class TestRestsOn:
    def test_counts_the_ratings_behind_the_examples_by_expert_rubric_and_guidelines(self, team, stage):
        make_tuned(stage)
        training_set = TrainingSet.objects.get()
        found = rests_on([training_set])[training_set.pk]
        behind = sum(example.final_label.ratings.count() for example in training_set.examples.all())
        assert found.ratings == behind > 0
        assert set(found.experts) == set(team.experts)
        assert [rubric.version for rubric in found.rubrics] == [1]
        assert [guidelines.version for guidelines in found.guidelines] == [1]


class TestLearnedFrom:
    def test_finds_models_by_whatever_was_learned_and_those_that_go_on_from_them(self, team, stage):
        model = make_tuned(stage)
        child = ModelVersion.objects.create(
            project=team.project, name="v2", location="artifact:y", parent=model, created_at=NOW
        )
        example = TrainingSet.objects.get().examples.first()
        rating = example.final_label.ratings.first()
        for sets in (
            sets_of_expert(team.project, team.experts[0]),
            sets_of_guidelines(rating.guidelines),
            sets_of_rubric(rating.policy.rubric),
            sets_of_response(example.final_label.response),
            sets_of_ratings(team.project, [rating.pk]),
        ):
            found = learned_from(team.project, sets)
            assert [(each.model, each.through) for each in found] == [(model, None), (child, model)]

    def test_finds_none_for_what_came_after_or_was_never_learned(self, team, stage):
        make_tuned(stage)
        later = write_guidelines(project=team.project, text="Be kind.", by=team.admin, now=NOW)
        held_out = stage.responses.filter(prompt__split="held-out").first()
        for sets in (
            sets_of_guidelines(later),
            sets_of_response(held_out),
            sets_of_expert(team.project, team.lead),
        ):
            assert learned_from(team.project, sets) == []


class TestPointAlias:
    def test_moves_a_name_and_keeps_where_it_pointed_and_why(self, team, stage):
        first, second = make_tuned(stage), make_tuned(stage, "v1-run2")
        act = dict(name="Champion", by=team.admin, now=NOW)
        former = point_alias(model_version=first, reason="The best so far.", **act)
        assert point_alias(model_version=first, reason="Again.", **act) == former
        moved = point_alias(model_version=second, reason="Better still.", **act)
        former.refresh_from_db()
        assert (former.ended_at, moved.ended_at, moved.name) == (NOW, None, "champion")
        event = AuditEvent.objects.filter(verb="alias:point").last()
        assert event.params == {"alias": "champion", "model": "v1-run2", "before": "v1"}
        take_alias_away(alias=moved, by=team.admin, now=NOW)
        assert not ModelAlias.objects.filter(ended_at=None).exists()

    def test_is_an_admins_act_for_a_reason_and_a_name(self, team, stage):
        model = make_tuned(stage)
        with pytest.raises(NotAllowed):
            point_alias(model_version=model, name="champion", reason="Mine.", by=team.lead, now=NOW)
        for name, reason in (("two words", "Yes."), ("", "Yes."), ("champion", " ")):
            with pytest.raises(InvalidInput):
                point_alias(model_version=model, name=name, reason=reason, by=team.admin, now=NOW)
        point_alias(model_version=model, name="champion", reason="Yes.", by=team.admin, now=NOW)
        with pytest.raises(IntegrityError), transaction.atomic():
            ModelAlias.objects.create(
                project=team.project,
                name="champion",
                model_version=model,
                reason="x",
                set_by=team.admin,
                created_at=NOW,
            )


class TestPagesOfLineage:
    def test_lead_from_a_person_and_a_response_to_the_model_and_from_there_to_the_ratings(
        self, client, team, stage
    ):
        model = make_tuned(stage)
        slug, expert = team.project.slug, team.experts[0]
        client.force_login(team.admin)
        model_page = reverse("training:model", args=[slug, model.pk])
        example = TrainingSet.objects.get().examples.first()
        response = example.final_label.response
        for start, between in (
            (
                reverse("setup-people", args=[slug]),
                reverse("training:learned-from-person", args=[slug, expert.pk]),
            ),
            (
                reverse("annotation:response", args=[slug, response.pk]),
                reverse("training:learned-from-response", args=[slug, response.pk]),
            ),
            (reverse("project-setup", args=[slug]), reverse("training:learned-from-rubric", args=[slug, 1])),
            (
                reverse("annotation:guidelines", args=[slug]),
                reverse("training:learned-from-guidelines", args=[slug, 1]),
            ),
        ):
            assert f'href="{between}"' in client.get(start).content.decode(), start
            assert f'href="{model_page}"' in client.get(between).content.decode(), between
        assert address_of(response) in reverse("annotation:response", args=[slug, response.pk])
        page = client.get(model_page).content.decode()
        set_page = reverse("training:training-set", args=[slug, TrainingSet.objects.get().pk])
        assert f'href="{set_page}"' in page
        rating = example.final_label.ratings.first()
        assert f"{rating.pk} by {rating.expert}" in client.get(set_page).content.decode()

    def test_take_a_name_from_an_admin_and_tell_a_lead_no_experts(self, client, team, stage):
        model = make_tuned(stage)
        address = reverse("training:model", args=[team.project.slug, model.pk])
        client.force_login(team.admin)
        assert client.post(address, {"name": "champion", "reason": ""}).status_code == 422
        assert client.post(address, {"name": "champion", "reason": "The best."}).status_code == 302
        assert "champion" in client.get(reverse("training:models", args=[team.project.slug])).content.decode()
        client.force_login(team.lead)
        page = client.get(address).content.decode()
        assert "champion" in page and str(team.experts[0]) not in page
        assert client.post(address, {"name": "champion", "reason": "No."}).status_code == 403
