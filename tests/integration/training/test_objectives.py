import json
import uuid

import pytest
from django.urls import reverse

from jobs.models import Job
from jobs.run_dir import run_dir_of
from tests.factories.core import make_project
from tests.factories.training import make_run, make_trainable_stage
from tests.integration.training.test_pairs import make_candidates_stage
from training.models import TrainingRun
from training.runs import run_training

HYPERPARAMETERS = {"learning_rate": "1e-3", "epochs": 1, "batch_size": 4, "seed": 0, "base": ""}


@pytest.mark.django_db
@pytest.mark.once
class TestLaunchForm:
    @pytest.fixture
    def team(self):
        return make_project(leads=2)

    @pytest.fixture
    def admin(self, client, team):
        client.force_login(team.admin)
        return client

    def post(self, admin, stage, **fields):
        page = reverse("training:launch", args=[stage.project.slug, stage.key])
        answer = admin.post(page, HYPERPARAMETERS | {"submission": uuid.uuid4()} | fields)
        return answer, TrainingRun.objects.order_by("pk").last()

    def test_asks_for_what_the_objective_needs_and_nothing_else(self, admin, team):
        stage = make_candidates_stage(team)
        page = reverse("training:launch", args=[team.project.slug, stage.key])
        shown = {}
        for objective in TrainingRun.Objective.values:
            answer = admin.get(page, {"objective": objective})
            shown[objective] = {"beta", "order", "least_gap", "all_axes"} & set(answer.context["form"].fields)
            assert answer.context["form"]["objective"].value() == objective
        assert shown == {
            "sft": set(),
            "weighted_sft": set(),
            "best_of_n": {"order", "all_axes"},
            "dpo": {"beta", "order", "least_gap", "all_axes"},
            "corrections": {"beta"},
            "kto": {"beta"},
        }
        answer = admin.get(page, {"objective": "dpo"})
        text = answer.content.decode()
        assert "between responses" in text and 'value="5e-06"' in text
        assert answer.context["form"]["order"].value().startswith("safety")
        assert admin.get(page, {"objective": "ppo"}).status_code == 200

    def test_launches_dpo_by_the_order_that_was_chosen_and_shows_its_pairs(self, admin, team):
        stage = make_candidates_stage(team)
        _, run = self.post(
            admin,
            stage,
            objective="dpo",
            beta="0.2",
            order="helpfulness, safety",
            least_gap="0.25",
            lora_rank=8,
        )
        assert (run.objective, run.beta, run.lora_rank) == ("dpo", 0.2, 8)
        assert run.training_set.recipe == {
            "objective": "dpo", "order": ["helpfulness", "safety"], "least_gap": 0.25, "all_axes": False,
        }  # fmt: skip
        page = reverse("training:training-set", args=[team.project.slug, run.training_set_id])
        text = admin.get(page).content.decode()
        assert "Chosen" in text and "Rejected" in text
        assert "Helpfulness <strong>5.00</strong> over 2.00" in text
        file = reverse("training:training-set-file", args=[team.project.slug, run.training_set_id])
        row = json.loads(admin.get(file, {"for": "trl"}).content.splitlines()[0])
        assert row["rejected"][0]["role"] == "assistant"
        again = admin.get(
            reverse("training:launch", args=[team.project.slug, stage.key]), {"like": run.pk}
        ).context["form"]
        assert (again["objective"].value(), again["beta"].value()) == ("dpo", 0.2)

    def test_launches_kto_weighted_sft_and_the_best_of_n(self, admin, team):
        stage = make_trainable_stage(team)
        for objective, kind in (("kto", "judged"), ("weighted_sft", "answers"), ("best_of_n", "answers")):
            _, run = self.post(admin, stage, objective=objective)
            assert (run.objective, run.training_set.kind) == (objective, kind)

    def test_refuses_an_axis_that_is_none_and_keeps_what_was_written(self, admin, team):
        stage = make_candidates_stage(team)
        answer, run = self.post(admin, stage, objective="dpo", order="speed")
        assert (answer.status_code, run) == (422, None)
        assert "The order names axes of the rubric" in answer.content.decode()
        assert 'value="speed"' in answer.content.decode()
        answer, run = self.post(admin, stage, objective="dpo", beta="0")
        assert (answer.status_code, run) == (422, None)


class TestRunTraining:
    @pytest.mark.once
    def test_a_run_of_pairs_ends_in_a_model_version(self, transactional_db, tiny_model):
        stage = make_candidates_stage()
        run = make_run(stage, objective="dpo", lora_rank=4)
        run_training(pk=run.pk)
        run.refresh_from_db()
        assert (run.status, run.reason) == (Job.Status.SUCCEEDED, "")
        config = json.loads((run_dir_of(run) / "config.json").read_text())
        assert (config["objective"], config["lora_rank"]) == ("dpo", 4)
        losses = dict(run.measures.filter(kind="validation").values_list("step", "loss"))
        assert losses[0] == pytest.approx(0.693, abs=0.001)
