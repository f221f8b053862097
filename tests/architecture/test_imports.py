"""The arrows between and inside the apps, and who may load a model."""

import subprocess
import sys

import grimp
import pytest

from tests.architecture.source import APPS, ROOT

MODEL_LIBRARIES = {
    "torch",
    "transformers",
    "sentence_transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "lm_eval",
}
RECKONING = {"scipy", "statsmodels", "pandas", "altair"}
"""What takes a second or more to load: only where something is reckoned or drawn."""
CHILDREN = ("training.trainer", "evaluation.encoder", "evaluation.harness")
"""What runs in processes of its own: only here may the model libraries be loaded."""
DOORS = {"urls", "views", "api", "tasks", "admin", "management"}
"""Edges of an app: they call use cases, and nothing of their app calls them."""


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph(
        *APPS,
        "serving",
        "config",
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )


def in_children(module):
    return any(module == child or module.startswith(f"{child}.") for child in CHILDREN)


class TestContracts:
    def test_hold(self):
        done = subprocess.run(
            [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 broken" in done.stdout


class TestLibraries:
    def test_of_models_are_reached_by_nothing_outside_the_child_processes(self, graph):
        reached = {
            (module, library)
            for library in MODEL_LIBRARIES & graph.modules
            for module in graph.find_downstream_modules(library)
            if not in_children(module)
        }
        assert reached == set()

    def test_of_models_and_for_reckoning_are_not_loaded_by_the_web_process_nor_by_a_worker(self):
        script = (
            "import sys, django; django.setup()\n"
            "import config.wsgi, config.celery\n"
            "from django.urls import get_resolver\n"
            "get_resolver().url_patterns; [list(p.url_patterns) for p in get_resolver().url_patterns"
            " if hasattr(p, 'url_patterns')]\n"
            "config.celery.app.loader.import_default_modules()\n"
            f"print(sorted({MODEL_LIBRARIES | RECKONING!r} & set(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"


class TestDoors:
    def test_are_called_by_nothing_of_their_app(self, graph):
        wrong = []
        for module in graph.modules:
            app, _, rest = module.partition(".")
            door = rest.split(".")[0]
            if app not in APPS or door not in DOORS:
                continue
            for importer in graph.find_modules_that_directly_import(module):
                its_app, _, its_rest = importer.partition(".")
                if its_app == "config" or (its_app == app and its_rest.split(".")[0] in DOORS):
                    continue
                wrong.append(f"{importer} imports {module}")
        assert wrong == []

    def test_tasks_are_imported_by_nobody(self, graph):
        """They are sent by name; Celery finds them itself."""
        importers = {
            (importer, module)
            for module in graph.modules
            if module.partition(".")[2].split(".")[0] == "tasks"
            for importer in graph.find_modules_that_directly_import(module)
            if not importer.startswith(module)
        }
        assert importers == set()


class TestModels:
    def test_know_no_use_case(self, graph):
        """Models import models, querysets, the words of reasons and pure rules; of core also nothing else."""
        allowed = {"models", "reasons", "querysets"}
        allowed |= {"agreement", "conversations", "consensus", "keys", "scales", "statistics"}
        wrong = [
            f"{module} imports {imported}"
            for module in graph.modules
            if module.split(".")[0] in APPS and module.split(".")[1:2] == ["models"]
            for imported in graph.find_modules_directly_imported_by(module)
            if imported.split(".")[0] in APPS
            and imported.split(".")[1:2]
            and imported.split(".")[1] not in allowed
        ]
        assert wrong == []
