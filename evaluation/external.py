"""External benchmarks: a model version is put through tasks of lm-evaluation-harness, and its figures stay with it.

A task may bring Python code of its own, which the worker runs. So tasks come from whoever has the machine, by a
command, and from no page.
"""

import hashlib
import json
import shutil
from collections import defaultdict
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from core import audit
from core.errors import InvalidInput
from evaluation.models import BenchmarkResult, BenchmarkRun
from jobs.files import write_json
from jobs.life import carry_out, resume
from jobs.models import Job
from jobs.nudge import nudge
from jobs.run_dir import run_dir_of
from jobs.stopping import worker_is_stopping
from jobs.supervisor import python_child
from training.model_store import ready_folder

LARGEST_FOLDER = 256 << 20
TASKS = ("*.yaml", "*.yml")


@transaction.atomic
def launch_benchmark(*, model_version, folder, limit, by, now):
    """Have a model version put through every task of a folder. Returns the BenchmarkRun.

    The folder, YAML files of lm-evaluation-harness with their data beside them, is copied as it is now. `limit`: how
    many examples of each task, 0 for all. The same folder and limit again is the same run, which is resumed where it
    ended badly. Raises InvalidInput for a model without weights and for a folder that cannot be taken.
    """
    if not model_version.location:
        raise InvalidInput(
            f"“{model_version}” is known by name only: there are no weights to put through a benchmark."
        )
    folder = Path(folder)
    files = _files_of(folder)
    asked = {"model_version": model_version, "tasks_sha256": _hash(folder, files), "limit": limit}
    known = BenchmarkRun.objects.filter(**asked).first()
    if known is not None:
        return resume(known, by=by, now=now) if known.may_resume else known
    run = BenchmarkRun.objects.create(
        **asked, name=folder.resolve().name[:200], created_by=by, created_at=now
    )
    tasks = run_dir_of(run) / "tasks"
    for file in files:
        target = tasks / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    params = {"model": model_version.name, "tasks": run.name, "limit": limit}
    audit.record("benchmarkrun:launch", run, by=by, now=now, to_status=run.status, params=params)
    nudge(run.TASK, pk=run.pk)
    return run


def run_benchmark(*, pk, clock=timezone.now, stopping=worker_is_stopping):
    """Do a queued benchmark run: to its end, to a cancel, or until this worker is `stopping` or lost it."""
    carry_out(BenchmarkRun, pk=pk, work=_put_through, clock=clock, stopping=stopping)


def results_of(model_versions):
    """{model version key: [BenchmarkResult with its run]} of those that were put through benchmarks."""
    found = defaultdict(list)
    rows = BenchmarkResult.objects.filter(run__model_version__in=model_versions).select_related("run")
    for row in rows.order_by("task", "metric", "filter", "run"):
        found[row.run.model_version_id].append(row)
    return dict(found)


def _put_through(attempt):
    run, folder = attempt.job, attempt.run_dir
    model = ready_folder(run.model_version, attempt=attempt)
    write_json(folder / "config.json", {"model_path": str(model), "limit": run.limit})
    attempt.run_child(python_child("evaluation.harness", folder))
    result = json.loads((folder / "result.json").read_text())
    with transaction.atomic():
        attempt.write(harness_version=result["harness"])
        BenchmarkResult.objects.bulk_create(BenchmarkResult(run=run, **row) for row in result["rows"])
        attempt.end(Job.Status.SUCCEEDED)


def _files_of(folder):
    """The regular files of a folder of tasks, sorted. Raises InvalidInput."""
    if not folder.is_dir():
        raise InvalidInput(
            f"{folder} is no folder: name one with tasks of lm-evaluation-harness (YAML files)."
        )
    found = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    if links := [str(path.relative_to(folder)) for path in found if path.is_symlink()]:
        raise InvalidInput(f"{folder} holds links ({', '.join(links[:3])}): put the files themselves there.")
    if not any(path.match(pattern) for path in found for pattern in TASKS):
        raise InvalidInput(
            f"{folder} holds no task: put the tasks’ YAML files there, and their data beside them."
        )
    size = sum(path.stat().st_size for path in found)
    if size > LARGEST_FOLDER:
        raise InvalidInput(
            f"{folder} has {size >> 20} MB, and up to {LARGEST_FOLDER >> 20} are taken: leave out what no task reads."
        )
    return found


def _hash(folder, files):
    digest = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()
