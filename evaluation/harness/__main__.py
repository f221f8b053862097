"""`python -m evaluation.harness RUN_DIR`: put a model through every task of a folder of lm-evaluation-harness's.

Tasks are YAML files as that library documents them, with their data beside them; nothing of the library's own and
nothing from a network is used. A path in a task is read from the tasks' folder.
"""

import os
import sys

from jobs.child import Child  # before torch: it sets the environment

# isort: split
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

import lm_eval
import yaml
from datasets.exceptions import DatasetGenerationError
from jinja2 import TemplateError
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from jobs.failures import Failure
from jobs.files import write_json
from training.trainer.hashing import hash_folder
from training.trainer.loading import choose_device, choose_threads, generation_precision

DEFAULTS = {"limit": 0, "seed": 0, "batch_size": 8, "device": "auto", "precision": "auto"}
# What a task that is written wrongly ends in, somewhere in the library.
FAULTS_OF_TASKS = (
    AttributeError,
    DatasetGenerationError,
    KeyError,
    OSError,
    TemplateError,
    TypeError,
    ValueError,
    yaml.YAMLError,
)


def put_through(child):
    config = child.config(DEFAULTS, required=("model_path",))
    tasks = child.run_dir / "tasks"
    child.events.emit("loading", model=config["model_path"])
    weights = hash_folder(config["model_path"], tell=child.go_on)
    device = choose_device(config["device"])
    precision = generation_precision(config["precision"], device)
    choose_threads(config["model_path"])
    os.chdir(tasks)
    manager = TaskManager(include_path=str(tasks), include_defaults=False)
    names = sorted(manager.all_subtasks)
    if not names:
        raise Failure("bad_data", "no_benchmark_task")
    model = _told(child)(
        pretrained=config["model_path"],
        device=str(device),
        dtype={"fp32": "float32", "bf16": "bfloat16"}[precision],
        batch_size=config["batch_size"],
    )
    try:
        found = lm_eval.simple_evaluate(
            model=model,
            tasks=names,
            task_manager=manager,
            limit=config["limit"] or None,
            bootstrap_iters=1_000,
            random_seed=config["seed"],
            numpy_random_seed=config["seed"],
            torch_random_seed=config["seed"],
            fewshot_random_seed=config["seed"],
            log_samples=False,
        )
    except FAULTS_OF_TASKS as error:
        raise Failure(
            "bad_data", "benchmark_not_run", words=f"{type(error).__name__}: {error}"[:500]
        ) from error
    write_json(
        child.run_dir / "result.json",
        {"rows": list(rows_of(found)), "weights_sha256": weights, "harness": lm_eval.__version__},
    )


def rows_of(found):
    """What simple_evaluate found, as a row for each task, metric and filter: {"task", "metric", "filter", "value",
    "error", "n", "higher_is_better"}. What is no number is no figure."""
    for task, figures in found["results"].items():
        for key, value in figures.items():
            metric, comma, of = key.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, (int, float)):
                continue
            error = figures.get(f"{metric}_stderr,{of}")
            yield {
                "task": task,
                "metric": metric,
                "filter": of,
                "value": float(value),
                "error": float(error) if isinstance(error, (int, float)) else None,
                "n": found["n-samples"][task]["effective"],
                "higher_is_better": (found["higher_is_better"].get(task) or {}).get(metric),
            }


def _told(child):
    """The library's model, which looks before each batch whether it is to go on."""

    class Model(HFLM):
        def _model_call(self, *args, **kwargs):
            child.go_on()
            return super()._model_call(*args, **kwargs)

        def _model_generate(self, *args, **kwargs):
            child.go_on()
            return super()._model_generate(*args, **kwargs)

    return Model


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    with Child(arguments[0]) as child:
        put_through(child)
    return child.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
