import pytest

from core.errors import InvalidInput
from core.models import ModelVersion, Stage
from jobs.models import Job
from tests.endpoint import said, served
from tests.factories.core import NOW, make_project
from tests.factories.training import make_base_stage, make_run, make_trainable_stage
from training.base_model import choose_base_model
from training.generation import run_generation
from training.models import GenerationRun


@pytest.fixture
def server(settings):
    with served(lambda body, tried: said(f"To: {body['messages'][-1]['content']}")) as server:
        settings.ENDPOINTS = {server.url: ""}
        yield server


@pytest.mark.django_db
class TestChooseBaseModel:
    def test_takes_a_model_of_an_endpoint_that_may_be_asked(self, server):
        team = make_project()
        choose_base_model(project=team.project, location=f"openai:{server.url}#m", by=team.admin, now=NOW)
        assert team.project.base_model == f"openai:{server.url}#m"

    @pytest.mark.parametrize(
        "location", ["openai:http://elsewhere/v1#m", "openai:{url}", "openai:{url}/other#m"]
    )
    def test_refuses_every_other_address_and_one_without_a_model(self, server, location):
        team = make_project()
        with pytest.raises(InvalidInput, match="endpoint"):
            choose_base_model(
                project=team.project, location=location.format(url=server.url), by=team.admin, now=NOW
            )


class TestRunGeneration:
    @pytest.mark.once
    def test_has_the_endpoint_answer_every_prompt_and_opens_rating(self, transactional_db, server):
        team = make_project()
        choose_base_model(project=team.project, location=f"openai:{server.url}#m", by=team.admin, now=NOW)
        stage = make_base_stage(team, repetition_penalty=1.0)
        run_generation(pk=stage.generation_runs.get().pk)
        run = GenerationRun.objects.get()
        assert (run.status, run.reason) == (Job.Status.SUCCEEDED, "")
        stage.refresh_from_db()
        assert stage.status == Stage.Status.RATING
        for response in stage.responses.select_related("prompt"):
            assert response.text == f"To: {response.prompt.text}" and response.finish_reason == "stop"
        seeds = {body["seed"] for _, _, body, _ in server.asked}
        assert seeds == {response.seed % 2**31 for response in stage.responses.all()}


@pytest.mark.django_db
class TestLaunchRun:
    def test_refuses_to_tune_what_has_no_weights_here(self, server):
        stage = make_trainable_stage()
        ModelVersion.objects.filter(pk=stage.model_version_id).update(location=f"openai:{server.url}#m")
        stage.refresh_from_db()
        with pytest.raises(InvalidInput, match="has weights"):
            make_run(stage)
