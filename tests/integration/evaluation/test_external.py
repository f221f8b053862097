import json
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from core.errors import InvalidInput
from core.models import AuditEvent, ModelVersion
from evaluation.external import launch_benchmark, results_of, run_benchmark
from evaluation.models import BenchmarkResult, BenchmarkRun
from jobs.models import Job
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db

QUESTIONS = [
    {"question": "How do I keep it", "choices": ["safely at home", "no", "a box"], "answer": 0},
    {"question": "Is that good", "choices": ["yes", "no", "bad"], "answer": 1},
    {"question": "Please help me", "choices": ["I can not help with that", "yes"], "answer": 1},
    {"question": "The task is", "choices": ["in the box", "on you", "about it"], "answer": 2},
]
TASK = """\
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: questions.jsonl
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
"""


@pytest.fixture
def folder(tmp_path):
    tasks = tmp_path / "everyday"
    tasks.mkdir()
    (tasks / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    (tasks / "everyday.yaml").write_text(TASK.format(name="everyday"))
    return tasks


@pytest.fixture
def model():
    return ModelVersion.objects.create(
        project=make_project().project, name="v1", location=str(settings.BASE_MODEL), created_at=NOW
    )


def launch(model, folder, limit=0):
    return launch_benchmark(model_version=model, folder=folder, limit=limit, by=None, now=NOW)


class TestLaunchBenchmark:
    def test_takes_the_tasks_as_they_are_now(self, model, folder):
        run = launch(model, folder)
        assert (run.status, run.name) == (Job.Status.QUEUED, "everyday")
        event = AuditEvent.objects.get(verb="benchmarkrun:launch")
        assert event.params == {"model": "v1", "tasks": "everyday", "limit": 0}

    def test_the_same_again_is_the_same_run_and_changed_tasks_are_another(self, model, folder):
        run = launch(model, folder)
        assert launch(model, folder) == run
        assert launch(model, folder, limit=2) != run
        (folder / "questions.jsonl").write_text(json.dumps(QUESTIONS[0]))
        assert launch(model, folder) not in (run, None)
        assert BenchmarkRun.objects.count() == 3

    def test_refuses_what_cannot_be_run_and_says_what_to_do(self, model, folder, tmp_path):
        def refused(words, of=model, where=folder):
            with pytest.raises(InvalidInput, match=words):
                launch(of, where)

        nameless = ModelVersion.objects.create(project=model.project, name="imported", created_at=NOW)
        refused("known by name only", of=nameless)
        refused("is no folder", where=tmp_path / "nowhere")
        (folder / "everyday.yaml").rename(tmp_path / "elsewhere.yaml")
        refused("holds no task")
        (folder / "linked.yaml").symlink_to(tmp_path / "elsewhere.yaml")
        refused("holds links")
        assert not BenchmarkRun.objects.exists()


@pytest.mark.usefixtures("tiny_model")
class TestRunBenchmark:
    @pytest.fixture(autouse=True)
    def harness(self):
        pytest.importorskip("lm_eval")

    def test_keeps_the_figures_that_the_models_own_likelihoods_give(self, model, folder, tiny_model):
        (folder / "more").mkdir()
        (folder / "more" / "again.yaml").write_text(TASK.format(name="again"))
        run = launch(model, folder)
        run_benchmark(pk=run.pk)
        run.refresh_from_db()
        assert run.status == Job.Status.SUCCEEDED, run.reason
        rows = results_of([model])[model.pk]
        assert [(row.task, row.metric, row.n, row.higher_is_better) for row in rows] == [
            ("again", "acc", 4, True),
            ("everyday", "acc", 4, True),
        ]
        assert {row.value for row in rows} == {share_right(tiny_model)}
        assert all(0 < row.error < 1 for row in rows) and run.harness_version
        model.refresh_from_db()
        assert model.weights_sha256

    def test_a_task_that_cannot_be_run_fails_with_the_librarys_words(self, model, folder):
        (folder / "everyday.yaml").write_text(
            TASK.format(name="everyday").replace("questions.jsonl", "gone.jsonl")
        )
        run = launch(model, folder)
        run_benchmark(pk=run.pk)
        run.refresh_from_db()
        assert run.status == Job.Status.FAILED
        assert "cannot run these tasks" in run.reason and "gone.jsonl" in run.reason
        assert not BenchmarkResult.objects.exists()

    def test_is_one_command(self, model, folder):
        said = StringIO()
        call_command("external_benchmark", "v1", str(folder), limit=2, stdout=said)
        assert said.getvalue().startswith("everyday  acc  ") and "n = 2" in said.getvalue()
        with pytest.raises(CommandError, match="has no model “v9”. There are: v1"):
            call_command("external_benchmark", "v9", str(folder))


def share_right(folder):
    """The share of QUESTIONS whose right choice has the highest likelihood, by transformers alone."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder),
        AutoModelForCausalLM.from_pretrained(folder).eval(),
    )

    def likelihood(question, choice):
        asked, whole = (
            tokenizer(text, return_tensors="pt").input_ids for text in (question, f"{question} {choice}")
        )
        with torch.no_grad():
            logits = model(whole).logits[0, :-1].log_softmax(-1)
        tokens = whole[0, 1:]
        return float(logits.gather(1, tokens[:, None])[asked.shape[1] - 1 :].sum())

    right = 0
    for each in QUESTIONS:
        found = [likelihood(each["question"], choice) for choice in each["choices"]]
        right += found.index(max(found)) == each["answer"]
    return right / len(QUESTIONS)
