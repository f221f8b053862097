"""What files in and out, finalizing, sweeps and polls cost.

    .venv/bin/python benchmarks/bulk.py [--only import finalize export sweeps polls] [--database postgres|sqlite]
        [--responses 100000] [--projects 300] [--steps 20000]

import: prompts and responses a second, from JSONL. finalize: a stage with as many responses, three ratings each.
export: that stage's records by the command, in a process of its own, a tenth as many and all, so that its memory is
seen to stay. sweeps: each sweep with one project whose stage is finished, scored and reported, and with many.
polls: what the page of a run asks for every two seconds, early and late in a long run.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from filling import K, benchmark, make_rated_stage, run_all

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["import", "finalize", "export", "sweeps", "polls"]
TEXT = "A response of some length. " * 20


def run(options):
    print(f"{options.database}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    if "sweeps" in options.only:
        sweep(options.projects)  # before the others leave stages that are due for something
    if "import" in options.only:
        take_in(options.responses)
    stages = []
    if {"finalize", "export"} & set(options.only):
        stages = [finalize(size) for size in (options.responses // 10, options.responses)]
    if "export" in options.only:
        for stage in stages:
            export(stage)
    if "polls" in options.only:
        poll(options.steps)


def take_in(size):
    from django.utils import timezone

    from annotation.importing import import_prompts, import_responses
    from core.models import ModelVersion
    from core.projects import create_project
    from core.stages import open_stage
    from exchange.reading import read_rows

    now = timezone.now()
    project = create_project(name="Import", by=None, now=now)
    prompts = ({"id": f"p{number}", "prompt": f"What of {number}?"} for number in range(size))
    with jsonl(prompts) as file, timed("import", f"{size:,} prompts", size):
        import_prompts(project=project, rows=read_rows(file, "prompts.jsonl"), by=None, now=now)
    model = ModelVersion.objects.create(project=project, name="m", created_at=now)
    stage = open_stage(project=project, model_version=model, by=None, now=now)
    responses = ({"prompt_id": f"p{number}", "text": TEXT, "model": "m"} for number in range(size))
    with jsonl(responses) as file, timed("import", f"{size:,} responses", size):
        import_responses(stage=stage, rows=read_rows(file, "responses.jsonl"), by=None, now=now)


def finalize(size):
    from django.utils import timezone

    from arbitration.labels import finalize_labels

    stage, _ = make_rated_stage(size)
    with timed("finalize", f"{size:,} responses", size):
        finalize_labels(stage=stage, by=None, now=timezone.now())
    return stage


def export(stage):
    """By the command, whose peak memory the kernel tells when it ends."""
    responses, slug = stage.responses.count(), stage.project.slug
    with tempfile.TemporaryDirectory() as folder:
        argv = [
            sys.executable,
            "manage.py",
            "export_records",
            "--project",
            slug,
            "--output",
            f"{folder}/records",
        ]
        begin = time.perf_counter()
        process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        if status:
            raise SystemExit(f"export_records ended with {status}")
        written = Path(folder, "records").stat().st_size
    row(
        "export",
        f"{K * responses:,} ratings",
        f"{seconds:8.1f} s {K * responses / seconds:12,.0f} /s",
        f"{written / 1e6:.0f} MB written, {usage.ru_maxrss / 1024:.0f} MB of memory at most",
    )


def sweep(projects):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from config.celery import app

    make_finished_project()
    app.loader.import_default_modules()
    names = sorted(name for name in app.tasks if name.endswith(".sweep"))
    for size in (1, projects):
        while finished_projects() < size:
            make_finished_project()
        for name in names:
            app.tasks[name]()  # what loads at the first call
            with CaptureQueriesContext(connection) as captured:
                begin = time.perf_counter()
                app.tasks[name]()
                took = time.perf_counter() - begin
            row("sweep", f"{name}, {size:,} finished", f"{1000 * took:8.1f} ms {len(captured):12} statements")


def make_finished_project():
    """Its stage complete, with labels, cosines and the report that is kept of it: nothing is due."""
    from evaluation.keeping import fingerprint
    from evaluation.models import KeptReport
    from tests.factories.core import make_project
    from tests.factories.evaluation import ALIGNED, make_labeled_stage, score_stage

    project = make_project(experts=0, leads=0).project
    score_stage(make_labeled_stage(project, [ALIGNED] * 5), [0.5] * 5)
    KeptReport.objects.create(project=project, fingerprint=fingerprint(project))


def finished_projects():
    from evaluation.models import KeptReport

    return KeptReport.objects.count()


def poll(steps):
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse
    from django.utils import timezone

    from jobs.models import Job
    from tests.factories.training import make_run
    from training.models import RunMeasure, TrainingRun

    run, now, done = make_run(), timezone.now(), 0
    TrainingRun.objects.filter(pk=run.pk).update(
        status=Job.Status.RUNNING, total_steps=steps, heartbeat_at=now
    )
    client = Client(headers={"host": "localhost", "HX-Request": "true"})
    client.force_login(run.stage.project.memberships.get(role="admin").user)
    address = reverse("training:run", args=[run.stage.project.slug, run.pk]) + "?polling=1"
    for until in (100, steps):
        RunMeasure.objects.bulk_create(
            (
                RunMeasure(run=run, kind="train", step=step, epoch=step / steps, loss=1, created_at=now)
                for step in range(done + 1, until + 1)
            ),
            batch_size=2_000,
        )
        done = until
        run_all("ANALYZE")
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            begin = time.perf_counter()
            answer = client.get(address)
            took = time.perf_counter() - begin
        assert answer.status_code == 200 and "HX-Refresh" not in answer, answer.content
        row(
            "poll",
            f"a run at step {until:,}",
            f"{1000 * took:8.1f} ms {len(captured):12} statements",
            f"{len(answer.content) / 1000:.0f} kB",
        )


def jsonl(rows):
    """A temporary file of these, open for reading bytes."""
    file = tempfile.TemporaryFile()
    file.writelines(json.dumps(each).encode() + b"\n" for each in rows)
    file.seek(0)
    return file


class timed:
    """Prints how long the block took, and how many of `size` that is a second."""

    def __init__(self, part, about, size):
        self.part, self.about, self.size = part, about, size

    def __enter__(self):
        self.begin = time.perf_counter()

    def __exit__(self, kind, *rest):
        if kind is None:
            seconds = time.perf_counter() - self.begin
            row(self.part, self.about, f"{seconds:8.1f} s {self.size / seconds:12,.0f} /s")


def row(part, about, *cells):
    print(f"{part:<10}{about:<42}{'   '.join(cells)}", flush=True)


if __name__ == "__main__":
    benchmark(
        run,
        __doc__,
        databases=("postgres", "sqlite"),
        only=PARTS,
        responses=100_000,
        projects=300,
        steps=20_000,
    )
