"""Files that people upload: kept, checked, and written once they have seen what the check found.

The file is a job (jobs/life.py): a worker reads it, however large it is, and goes on where another was cut off. A small
one is read at once by the process that took it, under the same claim, for at most AT_ONCE_SECONDS.
"""

import time
import uuid
from datetime import timedelta
from pathlib import PurePath

from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from annotation.importing import require_responding
from annotation.importing.row_models import PromptRow, ResponseRow
from core import audit
from core.errors import Conflict, InvalidInput
from core.limits import LONGEST_WORD
from core.transitions import StatusConflict, transition
from exchange.import_job import ImportJob
from exchange.models import FileImport
from exchange.reading import require_known_ending
from jobs.life import as_fields, carry_out
from jobs.models import Job
from jobs.nudge import nudge
from jobs.reasons import NONE
from jobs.stopping import worker_is_stopping

AT_ONCE = 256 * 1024
"""Bytes of a file that is read where it was taken."""
AT_ONCE_SECONDS = 2.0
KEPT = timedelta(days=7)
"""How long a file is kept that nobody had written."""
FIELDS = {
    FileImport.Kind.PROMPTS: tuple(PromptRow.model_fields),
    FileImport.Kind.RESPONSES: tuple(ResponseRow.model_fields),
}


def take_upload(*, project, kind, file, by, now, stage=None):
    """Keep an uploaded file and have it checked. Returns its FileImport.

    `file`: Django's, on disk if it is large. Raises InvalidInput for a name whose ending says neither JSONL nor CSV,
    Conflict for responses to a stage that takes no more.
    """
    require_known_ending(file.name)
    if stage is not None:
        require_responding(stage)
    _forget_old(project, file.name, by, now)
    name = f"uploads/{uuid.uuid4()}{PurePath(file.name).suffix.lower()}"
    try:
        # Before the transaction: copying takes a while, and SQLite lets one write at a time.
        default_storage.save(name, file)
        row = _note(name, project=project, stage=stage, kind=kind, file=file, by=by, now=now)
    except (OSError, DatabaseError):
        default_storage.delete(name)
        raise
    return _begin(row)


def choose_columns(*, upload, columns, by, now):
    """Have the file checked anew, its columns read as chosen: {column: field, or "" to leave it out}.

    Raises InvalidInput for a field there is not, Conflict for a file that is being read or written.
    """
    fields = FIELDS[upload.kind]
    for column, field in columns.items():
        if field and field not in fields:
            raise InvalidInput(f"There is no field “{field}”: choose one of {', '.join(fields)}.")
        if column not in upload.found.get("columns", ()):
            raise InvalidInput(f"The file has no column “{column}”: reload the page.")
    _require_checked(upload)
    return _queue(upload, by=by, now=now, columns=columns)


def write_import(*, upload, by, now):
    """Have what was checked written; what is there already is left out. Twice is the same as once.

    Raises Conflict for a file with faults, or one that is not checked yet.
    """
    if upload.step == FileImport.Step.WRITE:
        return upload
    _require_checked(upload)
    if not upload.may_be_written:
        raise Conflict(
            "There is nothing to import yet: mend what the check found, and upload the file again."
        )
    return _queue(upload, by=by, now=now, step=FileImport.Step.WRITE)


@transaction.atomic
def discard_upload(*, upload, by, now):
    """Remove a file that is not to be imported; what was found in it stays. Twice is the same as once.

    Raises Conflict while it is read or written.
    """
    upload = FileImport.objects.select_for_update(of=("self",), no_key=True).get(pk=upload.pk)
    if upload.is_active:
        raise Conflict("This file is being read: stop that first.")
    if upload.file:
        _remove_file(upload)
        audit.record("file:discard", upload, by=by, now=now, params={"name": upload.name})
    return upload


def run_import(*, pk, clock=timezone.now, stopping=worker_is_stopping):
    """Do a queued import: to its end, to a cancel, or until this worker is `stopping` or lost it."""
    carry_out(
        FileImport,
        pk=pk,
        work=lambda attempt: ImportJob(attempt).go_on(),
        clock=clock,
        stopping=stopping,
    )


@transaction.atomic
def _note(name, *, project, stage, kind, file, by, now):
    row = FileImport.objects.create(
        project=project,
        stage=stage,
        kind=kind,
        file=name,
        name=file.name[:LONGEST_WORD],
        size=file.size,
        created_by=by,
        created_at=now,
    )
    params = {"name": row.name, "kind": kind, "size": file.size}
    audit.record("file:upload", row, by=by, now=now, params=params)
    return row


def _require_checked(upload):
    if upload.step != FileImport.Step.CHECK or upload.status != Job.Status.SUCCEEDED:
        raise Conflict("This file is being read, or was imported already: reload to see where it stands.")
    if not upload.file:
        raise Conflict("This file was removed: upload it again.")


def _queue(upload, *, by, now, **fields):
    try:
        with transaction.atomic():
            again = {"finished_at": None, "fruitless": 0, "worker": "", "read": 0, **as_fields(NONE)}
            transition(upload, Job.Status.QUEUED, by=by, now=now, **again, **fields)
    except StatusConflict:
        upload.refresh_from_db()
        return upload
    return _begin(upload)


def _begin(upload):
    if upload.size > AT_ONCE:
        nudge(upload.TASK, pk=upload.pk)
    else:
        ends = time.monotonic() + AT_ONCE_SECONDS
        run_import(pk=upload.pk, stopping=lambda: time.monotonic() > ends)
        upload.refresh_from_db()
    return upload


def _forget_old(project, name, by, now):
    """Remove the files that were left lying, and what this person's file of the same name was before it was mended."""
    is_old = Q(created_at__lt=now - KEPT) | Q(name=name[:LONGEST_WORD], created_by=by)
    for row in project.file_imports.filter(is_old).exclude(file="").exclude(status__in=Job.ACTIVE):
        _remove_file(row)


def _remove_file(upload):
    default_storage.delete(upload.file)
    FileImport.objects.filter(pk=upload.pk).update(file="")
    upload.file = ""
