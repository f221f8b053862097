"""Responses that people bring for a stage instead of generating them: nothing of a file with faults, and every fault
named."""

from itertools import islice
from typing import NamedTuple

from django.db import transaction

from annotation.importing.prompts import BATCH, NO_RECORDS
from annotation.importing.reports import ResponseReport
from annotation.importing.row_models import ResponseRow
from annotation.importing.spool import Spool
from annotation.importing.typed import typed_rows
from annotation.models import Prompt, Response
from annotation.responses import NewResponse, add_responses, record_import
from annotation.rows import Faults, quoted
from core.errors import Conflict, InvalidInput
from core.locks import lock_stage
from core.models import ModelVersion, Stage


def preview_responses(*, stage, rows, skip=False):
    """What `import_responses` would bring, without bringing it. Raises the same."""
    require_responding(stage)
    with Spool() as spool:
        return _check(stage, rows, spool, skip)


def import_responses(*, stage, rows, by, now, skip=False, on_batch=lambda count: None):
    """Take in a stage's responses from `rows` instead of generating them. Returns a ResponseReport.

    Fields: `prompt_id`, `text` (may be empty, as models answer nothing at times), `model` (its name; made known if it
    is new); optional `candidate` (0 if one answer a prompt) and `ratings` (how many this response gets, where that is
    not the stage's k). Raises InvalidInput naming every fault by line and field, Conflict once rating is open. With
    `skip`, a response that the stage has already (same prompt, candidate, model and text) is left out and counted.

    With a fault nothing is written. What is written goes in by batches, a transaction each; cut off between two of
    them, the same call with `skip` goes on. `on_batch` is called in each with how many responses it wrote.
    """
    require_responding(stage)
    with Spool() as spool:
        report = _check(stage, rows, spool, skip)
        for batch in spool.batches():
            with transaction.atomic():
                stage = lock_stage(stage)
                require_responding(stage)
                on_batch(_write(stage, batch, skip, report, by=by, now=now))
    return report


def _write(stage, batch, skip, report, *, by, now):
    """Write what the stage does not have of a batch. Returns how many these are."""
    there = _there(stage, {answer.prompt for _, answer in batch})
    new = [answer for _, answer in batch if there.get(answer.key) != answer.said]
    if len(new) < len(batch) and not skip or any(answer.key in there for answer in new):
        raise Conflict(
            "Some of these responses came in meanwhile: the file was not taken any further. Look again."
        )
    report.leave_out(len(batch) - len(new))
    models = {answer.model for answer in new}
    models = {
        name: ModelVersion.objects.get_or_create(
            project=stage.project, name=name, defaults={"created_at": now}
        )[0].pk
        for name in sorted(models)
    }
    add_responses(
        stage=stage,
        answers=[
            NewResponse(each.prompt, each.text, models[each.model], each.candidate, ratings=each.ratings)
            for each in new
        ],
        now=now,
    )
    if new:
        record_import(stage, len(new), by=by, now=now)
    return len(new)


class _Answer(NamedTuple):
    """A response that was checked and is not yet a row. `prompt`: the key of its row."""

    prompt: int
    candidate: int
    model: str
    text: str
    ratings: int | None

    @property
    def key(self):
        return self.prompt, self.candidate

    @property
    def said(self):
        return self.model, self.text


def _there(stage, prompts):
    """{(prompt, candidate): (model's name, text)} of what the stage has to these prompts."""
    rows = Response.objects.filter(stage=stage, prompt__in=prompts).order_by()
    rows = rows.values_list("prompt", "candidate", "model_version__name", "text")
    return {(prompt, candidate): (model, text) for prompt, candidate, model, text in rows}


def require_responding(stage):
    """Raise Conflict unless the stage still takes responses."""
    if stage.status != Stage.Status.RESPONDING:
        raise Conflict("This stage takes no more responses: rating has begun.")


def _check(stage, rows, spool, skip):
    """Put (line, _Answer) of the rows into the spool; a ResponseReport."""
    faults, report = Faults(), ResponseReport()
    own_model = stage.model_version.name if stage.model_version else None
    typed = typed_rows(ResponseRow, rows, faults)
    while batch := list(islice(typed, BATCH)):
        prompts = _prompts(stage, batch)
        there = _there(stage, set(prompts.values()))
        answers = []
        for line, row in batch:
            answer = _Answer(prompts.get(row.prompt_id), row.candidate, row.model, row.text, row.ratings)
            if own_model and row.model != own_model:
                faults.add(line, "model", f"this stage is answered by “{own_model}” alone.")
            if answer.prompt is None:
                faults.add(line, "prompt_id", f"the project has no prompt {quoted(row.prompt_id)}.")
            elif skip and there.get(answer.key) == answer.said:
                report.found(line)
                continue
            elif answer.key in there:
                same = "this" if there[answer.key] == answer.said else "another"
                faults.add(line, "prompt_id", f"the stage already has {same} response. Remove the line.")
            elif earlier := spool.claim(f"{answer.prompt}:{answer.candidate}", line):
                faults.add(line, "prompt_id", f"the same prompt and candidate stand on line {earlier}.")
            answers.append((line, answer))
            report.count(row)
        spool.put(answers)
    faults.raise_any()
    if not report.total and not report.there:
        raise InvalidInput(NO_RECORDS)
    return report


def _prompts(stage, batch):
    """{id: key} of the project's prompts that the batch names."""
    ids = {row.prompt_id for _, row in batch}
    return dict(
        Prompt.objects.filter(project=stage.project_id, external_id__in=ids).values_list("external_id", "pk")
    )
