from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.urls import reverse

from annotation.models import Sampling
from core.errors import Conflict, InvalidInput, NotAllowed
from core.models import AuditEvent, ModelVersion, Stage
from core.stages import open_stage
from jobs.models import Job
from tests.factories.annotation import make_rating_stage
from tests.factories.core import NOW, make_project
from tests.factories.training import make_run, make_trainable_stage
from training.models import GenerationRun, Promotion, TrainingRun
from training.promotion import promote

pytestmark = pytest.mark.django_db

REASON = "It names the dangers more often."


@pytest.fixture
def team():
    return make_project(leads=2, admins=2)


@pytest.fixture
def stage(team):
    return make_trainable_stage(team)


def make_model(stage, name="v1", location="artifact:somewhere"):
    return ModelVersion.objects.create(project=stage.project, name=name, location=location, created_at=NOW)


def make_tuned(stage, name="v1"):
    """A model of the stage's project with a run that made it."""
    run = make_run(stage)
    TrainingRun.objects.filter(pk=run.pk).update(
        status=Job.Status.SUCCEEDED, model_version=make_model(stage, name)
    )
    run.refresh_from_db()
    return run


def go_on(stage, model, team, reason=REASON, by=None):
    return promote(stage=stage, model_version=model, reason=reason, by=by or team.admin, now=NOW)


class TestPromote:
    def test_completes_the_stage_and_lets_the_model_answer_in_the_next(self, team, stage):
        sampling = Sampling.objects.create(temperature=0.3)
        former = dict(sampling=sampling, seed=5, precision="bf16", status=Job.Status.SUCCEEDED)
        GenerationRun.objects.create(stage=stage, created_at=NOW, **former)
        run = make_tuned(stage)
        promotion = go_on(stage, run.model_version, team)
        stage.refresh_from_db()
        following = promotion.opened
        assert (stage.status, following.status) == (Stage.Status.COMPLETE, Stage.Status.RESPONDING)
        assert (following.number, following.model_version) == (1, run.model_version)
        generation = following.generation_runs.get()
        assert generation.status == Job.Status.QUEUED
        assert (generation.sampling, generation.seed, generation.precision) == (sampling, 5, "bf16")
        assert (promotion.run, promotion.promoted_by, promotion.reason) == (run, team.admin, REASON)
        event = AuditEvent.objects.get(verb="promotion:make")
        assert (event.project, event.actor, event.target_id) == (stage.project, team.admin, promotion.pk)
        assert (event.detail, event.params) == (
            REASON,
            {"model": "v1", "opened": 1, "gate": "not_measured"},
        )

    def test_is_one_however_often_it_is_sent(self, team, stage):
        model = make_tuned(stage).model_version
        first = go_on(stage, model, team)
        assert go_on(stage, model, team) == first
        assert (Promotion.objects.count(), stage.project.stages.count()) == (1, 2)

    def test_refuses_another_after_it_and_says_who_did_what_when_and_why(self, team, stage):
        go_on(stage, make_tuned(stage).model_version, team)
        other = make_tuned(stage, "v1-run2").model_version
        with pytest.raises(Conflict) as refused:
            go_on(stage, other, team, by=team.admins[1])
        for words in (str(team.admin), "“v1”", "Stage 1", "21 November 2026", REASON):
            assert words in str(refused.value)
        with pytest.raises(Conflict):
            go_on(stage, Promotion.objects.get().model_version, team, reason="On second thoughts.")
        assert stage.project.stages.count() == 2

    @pytest.mark.parametrize("reason", ["", "  \n", "a\x00b", "x" * 50_001])
    def test_needs_a_reason(self, team, stage, reason):
        with pytest.raises(InvalidInput):
            go_on(stage, make_model(stage), team, reason=reason)
        assert not Promotion.objects.exists()

    def test_is_an_admins_act(self, team, stage):
        for person in (None, team.lead, team.experts[0], make_project().admin):
            with pytest.raises(NotAllowed):
                promote(
                    stage=stage,
                    model_version=make_model(stage, str(person)),
                    reason=REASON,
                    by=person,
                    now=NOW,
                )

    def test_refuses_a_model_without_weights_or_of_another_project(self, team, stage):
        elsewhere = ModelVersion.objects.create(
            project=make_project().project, name="theirs", location="package:x", created_at=NOW
        )
        for model in (stage.model_version, elsewhere):
            with pytest.raises(InvalidInput, match="has weights"):
                go_on(stage, model, team)

    def test_refuses_before_the_labels_are_final(self, team):
        stage = make_rating_stage(team.project)
        with pytest.raises(Conflict, match="finalize"):
            go_on(stage, make_model(stage), team)

    def test_refuses_a_stage_that_imported_responses_followed(self, team, stage):
        open_stage(project=stage.project, model_version=None, by=team.admin, now=NOW)
        with pytest.raises(Conflict, match="imported responses"):
            go_on(stage, make_model(stage), team)

    def test_leaves_runs_of_the_stage_possible(self, team, stage):
        model = make_tuned(stage).model_version
        go_on(stage, model, team)
        assert make_run(stage, base=model).base == model

    def test_the_database_holds_one_a_stage_with_a_reason(self, team, stage):
        model, following = make_model(stage), open_stage(
            project=stage.project, model_version=None, by=team.admin, now=NOW
        )  # fmt: skip
        fields = {"stage": stage, "model_version": model, "opened": following, "created_at": NOW}
        for missing in ({"reason": "", "promoted_by": team.admin}, {"reason": REASON}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Promotion.objects.create(**fields | missing)
        with pytest.raises(IntegrityError), transaction.atomic():
            Promotion.objects.create(
                **fields | {"opened": stage, "reason": REASON, "promoted_by": team.admin}
            )
        Promotion.objects.create(**fields, reason=REASON, promoted_by=team.admin)
        with pytest.raises(IntegrityError), transaction.atomic():
            Promotion.objects.create(**fields, reason=REASON, promoted_by=team.admin)


class TestPromotionsOfFollowedStages:
    migration = import_module("training.migrations.0004_promotions_of_followed_stages")

    def test_are_written_down_as_what_they_were(self, team, stage):
        run = make_tuned(stage)
        following = open_stage(project=stage.project, model_version=run.model_version, by=None, now=NOW)
        self.migration.promote_what_went_on(apps, None)
        promotion = Promotion.objects.get()
        assert (promotion.stage, promotion.opened, promotion.run) == (stage, following, run)
        assert (promotion.promoted_by, promotion.ground) == (run.created_by, Promotion.Ground.BEFORE)

    def test_are_none_where_responses_were_imported(self, team, stage):
        open_stage(project=stage.project, model_version=None, by=None, now=NOW)
        self.migration.promote_what_went_on(apps, None)
        assert not Promotion.objects.exists()


class TestPromotePage:
    @pytest.fixture
    def admin(self, client, team):
        client.force_login(team.admin)
        return client

    def url(self, stage):
        return reverse("training:promote", args=[stage.project.slug, stage.number])

    def test_offers_the_run_s_model_and_says_what_will_happen(self, admin, stage):
        run = make_tuned(stage)
        run_page = admin.get(reverse("training:run", args=[stage.project.slug, run.pk])).content.decode()
        assert f"{self.url(stage)}?model={run.model_version_id}" in run_page
        page = admin.get(f"{self.url(stage)}?model={run.model_version_id}").content.decode()
        assert f'<option value="{run.model_version_id}" selected>v1, trained on Base by run {run.pk}' in page
        assert "Stage 1 opens" in page
        panel = admin.get(reverse("training:stage-panel", args=[stage.project.slug, 0])).content.decode()
        assert self.url(stage) in panel

    def test_promotes_and_leads_to_the_stage_that_opened(self, admin, stage):
        run = make_tuned(stage)
        data = {"model_version": run.model_version_id, "reason": REASON}
        answer = admin.post(self.url(stage), data)
        assert answer.url == reverse("stage-detail", args=[stage.project.slug, 1])
        for name, args in (("run", [run.pk]), ("models", []), ("stage-panel", [0]), ("promote", [0])):
            page = admin.get(reverse(f"training:{name}", args=[stage.project.slug, *args])).content.decode()
            assert REASON in page and "Promote…" not in page

    def test_keeps_what_was_chosen_where_the_reason_is_missing(self, admin, stage):
        model = make_tuned(stage).model_version
        answer = admin.post(self.url(stage), {"model_version": model.pk, "reason": " "})
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "field__errors" in page and f'<option value="{model.pk}" selected>' in page
        assert not Promotion.objects.exists()

    def test_says_who_was_quicker(self, admin, team, stage):
        other = make_tuned(stage, "v1-b").model_version
        go_on(stage, make_tuned(stage).model_version, team, by=team.admins[1])
        answer = admin.post(self.url(stage), {"model_version": other.pk, "reason": REASON})
        assert answer.status_code == 409
        assert str(team.admins[1]) in answer.content.decode()

    def test_tells_before_the_labels_are_final_what_comes_first(self, admin, team):
        assert "not final yet" in admin.get(self.url(make_rating_stage(team.project))).content.decode()
