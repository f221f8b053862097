"""One attempt at an uploaded file: read it, and say what it would bring, or bring it."""

import json
import shutil
import time

from django.core.files.storage import default_storage
from django.db import transaction

from annotation.importing import import_prompts, import_responses, preview_prompts, preview_responses
from annotation.responses import open_rating, prompts_without_response
from core.errors import InvalidInput
from core.limits import LONGEST_WORD, MOST_COLUMNS
from core.locks import lock_stage
from core.texts import is_storable
from exchange.mapping import mapped
from exchange.models import FileImport
from exchange.reading import read_rows
from jobs.life import CHECK_SECONDS, NotFinished, Refused
from jobs.models import Job
from jobs.supervisor import CANCELLED, Outcome
from training.fitting import Fitting

SAMPLES = 3
LONGEST_SAMPLE = 200
TAGS_SHOWN = 50


class ImportJob:
    """What an attempt does with its file."""

    def __init__(self, attempt):
        self.attempt = attempt
        self.upload = FileImport.objects.select_related("project", "stage", "created_by").get(
            pk=attempt.job.pk
        )
        self.columns, self.samples = {}, []
        self.written = self.upload.written
        self.looked_at = time.monotonic()

    def go_on(self):
        try:
            with self.upload.open() as file:
                rows = self.watched(file)
                if self.upload.step == FileImport.Step.CHECK:
                    self.check(rows)
                else:
                    self.write(rows)
        except FileNotFoundError:
            raise Refused("upload_gone", name=self.upload.name) from None
        shutil.rmtree(self.attempt.run_dir, ignore_errors=True)

    def check(self, rows):
        """Say what the file would bring, or what is wrong with it."""
        try:
            if self.upload.stage is None:
                fitting = Fitting(self.upload.project)
                report = preview_prompts(
                    project=self.upload.project, rows=rows, skip=True, on_prompt=fitting.look
                )
                notes = report.notes + fitting.notes
            else:
                report = preview_responses(stage=self.upload.stage, rows=rows, skip=True)
                notes = report.notes
        except InvalidInput as error:
            found = _of_faults(error)
        else:
            found = _of_report(report, notes)
        self.end(found | {"columns": list(self.columns), "samples": self.samples})

    def write(self, rows):
        """Write what the project does not have yet of the file."""
        asked = {"rows": rows, "by": self.upload.created_by, "now": self.attempt.clock(), "skip": True}
        try:
            if self.upload.stage is None:
                import_prompts(project=self.upload.project, on_batch=self.wrote, **asked)
            else:
                import_responses(stage=self.upload.stage, on_batch=self.wrote, **asked)
        except InvalidInput as error:
            # Something came in since it was checked: the person decides anew.
            self.end(self.upload.found | _of_faults(error), step=FileImport.Step.CHECK)
            return
        with transaction.atomic():
            if self.upload.stage is not None:
                self.open_rating()
            self.end(self.upload.found)
        default_storage.delete(self.upload.file)
        FileImport.objects.filter(pk=self.upload.pk).update(file="")

    def end(self, found, **fields):
        with transaction.atomic():
            self.attempt.write(found=found, read=self.upload.size, **fields)
            self.attempt.end(Job.Status.SUCCEEDED)

    def open_rating(self):
        """Open the stage where its last response has come in."""
        stage = lock_stage(self.upload.stage)
        if not prompts_without_response(stage).exists():
            open_rating(stage=stage, by=self.upload.created_by, now=self.attempt.clock())

    def wrote(self, count):
        """In the transaction that wrote so many rows, while the import is ours."""
        self.go_on_or_stop()
        self.written += count
        self.attempt.write(written=self.written)
        self.attempt.progressed()

    def watched(self, file):
        """The rows of the file; meanwhile the job says that it lives, how far it is, and whether it should stop."""
        for row in mapped(self.seen(read_rows(file, self.upload.name)), self.upload.columns):
            if time.monotonic() - self.looked_at > CHECK_SECONDS:
                self.looked_at = time.monotonic()
                self.attempt.write(read=file.tell())
                self.go_on_or_stop()
            yield row

    def go_on_or_stop(self):
        self.attempt.beat()
        if self.attempt.should_stop():
            raise NotFinished(Outcome(CANCELLED))

    def seen(self, rows):
        """The rows as they stand in the file; its columns and the first of them are kept, for the page."""
        for row in rows:
            if len(self.columns) < MOST_COLUMNS:
                self.columns.update({name: None for name in row.fields if _may_be_chosen(name)})
            if row.fields and len(self.samples) < SAMPLES:
                self.samples.append(
                    {name: _shown(value) for name, value in row.fields.items() if _may_be_chosen(name)}
                )
            yield row


def _of_faults(error):
    return {
        "message": str(error),
        "faults": error.errors,
        "fault_count": max(len(error.errors), 1),
        "total": 0,
    }


def _of_report(report, notes):
    shown = vars(report) | {"notes": notes, "faults": [], "fault_count": 0, "message": ""}
    if "tags" in shown:
        shown["tags"] = dict(list(shown["tags"].items())[:TAGS_SHOWN])
    return shown


def _may_be_chosen(name):
    return len(name) <= LONGEST_WORD and is_storable(name)


def _shown(value):
    """A value of the file as a page shows it: its beginning, with nothing in it that no database holds."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else " " for each in text[:LONGEST_SAMPLE])
