"""Responses that people bring for a stage instead of generating them: all or nothing, every fault named."""

from itertools import islice

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


def import_responses(*, stage, rows, by, now):
    """Take in a stage's responses from `rows` instead of generating them: all or none. Returns a ResponseReport.

    Fields: `prompt_id`, `text` (may be empty, as models answer nothing at times), `model` (its name; made known if it
    is new); optional `candidate` (0 if one answer a prompt) and `ratings` (how many this response gets, where that is
    not the stage's k). Raises InvalidInput naming every fault by line and field, Conflict once rating is open.
    """
    _require_responding(stage)
    with Spool() as spool:
        report = _check(stage, rows, spool)
        with transaction.atomic():
            stage = lock_stage(stage)
            _require_responding(stage)
            models = {
                name: ModelVersion.objects.get_or_create(
                    project=stage.project, name=name, defaults={"created_at": now}
                )[0].pk
                for name in report.models
            }
            for batch in spool.batches():
                answers = [
                    NewResponse(prompt, text, models[model], nth, ratings=ratings)
                    for prompt, text, model, nth, ratings in batch
                ]
                if len(add_responses(stage=stage, answers=answers, now=now)) < len(answers):
                    raise Conflict(
                        "Nothing was imported: some of these responses came in meanwhile. Look again."
                    )
            record_import(stage, report.total, by=by, now=now)
    return report


def _require_responding(stage):
    if stage.status != Stage.Status.RESPONDING:
        raise Conflict("This stage takes no more responses: rating has begun.")


def _check(stage, rows, spool):
    """Put (prompt key, text, model's name, candidate, ratings) of the rows into the spool; a ResponseReport."""
    faults, report = Faults(), ResponseReport()
    own_model = stage.model_version.name if stage.model_version else None
    typed = typed_rows(ResponseRow, rows, faults)
    while batch := list(islice(typed, BATCH)):
        prompts = _prompts(stage, batch)
        there = Response.objects.filter(stage=stage, prompt__in=prompts.values()).order_by()
        there = set(there.values_list("prompt", "candidate"))
        answers = []
        for line, row in batch:
            prompt = prompts.get(row.prompt_id)
            if own_model and row.model != own_model:
                faults.add(line, "model", f"this stage is answered by “{own_model}” alone.")
            if prompt is None:
                faults.add(line, "prompt_id", f"the project has no prompt {quoted(row.prompt_id)}.")
            elif (prompt, row.candidate) in there:
                faults.add(line, "prompt_id", "the stage already has this response. Remove the line.")
            elif earlier := spool.claim(f"{prompt}:{row.candidate}", line):
                faults.add(line, "prompt_id", f"the same prompt and candidate stand on line {earlier}.")
            answers.append((prompt, row.text, row.model, row.candidate, row.ratings))
            report.count(row)
        spool.put(answers)
    faults.raise_any()
    if not report.total:
        raise InvalidInput(NO_RECORDS)
    return report


def _prompts(stage, batch):
    """{id: key} of the project's prompts that the batch names."""
    ids = {row.prompt_id for _, row in batch}
    return dict(
        Prompt.objects.filter(project=stage.project_id, external_id__in=ids).values_list("external_id", "pk")
    )
