"""Every response of a stage gets its cosine, once, on the worker.

The sweep opens a scoring run for each stage past RESPONDING with responses that lack a cosine under the encoder in
force. The run embeds what is missing in chunks: prompts once for all stages, responses once. A chunk is stored
before the next begins, so a killed worker loses no stored cosine, and its successor embeds only the rest.
"""

import logging
import shutil

import numpy as np
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef

from annotation.models import Prompt, Response
from core import audit
from core.models import Stage
from evaluation.embedding import EncodingFailed, EncodingInterrupted, embed_texts, encoder
from evaluation.encoders import encoder_in_force
from evaluation.models import CoherenceScore, Encoder, PromptEmbedding, ScoringRun
from evaluation.refusals import is_refusal
from evaluation.stage_coherence import summarize
from jobs import life
from jobs.models import Job

logger = logging.getLogger(__name__)

# Loading φ takes seconds, so a chunk is large; its texts and vectors must fit into memory (about 60 MB).
CHUNK = 20_000
# Rows a transaction: the write lock of SQLite is held for a fraction of a second.
BATCH = 2_000
# How often a run whose child keeps being killed (by the kernel, for memory) is tried before a person is asked.
MOST_ATTEMPTS = 5
VECTOR = np.dtype("<f4")


class Canceled(Exception):
    """Somebody asked the run to stop."""


def unscored(project):
    """The responses of `project`, in stages past RESPONDING, that lack a cosine under the encoder in force."""
    responses = Response.objects.filter(stage__project=project).exclude(stage__status=Stage.Status.RESPONDING)
    return _lacking(responses, encoder_in_force())


def open_runs(*, now):
    """Open a scoring run for each stage that has something new to score. Idempotent; returns the new runs.

    A stage whose last run ended badly waits for a person, who sees the reason and resumes it.
    """
    current = encoder_in_force()
    last = {run.stage_id: run for run in ScoringRun.objects.select_related("encoder").order_by("id")}
    opened = []
    stages = Stage.objects.exclude(status=Stage.Status.RESPONDING).select_related("project")
    for stage in stages.annotate(responses_count=Count("responses")).filter(responses_count__gt=0):
        run = last.get(stage.pk)
        if run is not None and (run.status != Job.Status.SUCCEEDED or _covers(run, stage, current)):
            continue
        try:
            opened.append(_open_run(stage, now=now))
        except IntegrityError:
            continue  # another sweep was first
    return opened


def run_scoring(pk, *, clock):
    """Claim the run and carry it out; does nothing where it is not queued. `clock()` gives aware datetimes."""
    run = life.claim(ScoringRun, pk, now=clock())
    if run is None:
        return
    folder = settings.RUNS_DIR / f"scoring-{run.pk}"
    try:
        _score_stage(run, folder, clock=clock)
        life.end(run, Job.Status.SUCCEEDED, now=clock())
    except life.LostJob as lost:
        logger.warning("%s belongs to another worker now: stopped.", lost)
        return
    except Canceled:
        life.end(run, Job.Status.CANCELED, now=clock())
    except EncodingFailed as failed:
        life.end(run, Job.Status.FAILED, now=clock(), reason=str(failed))
        return  # the folder stays: it says more
    except EncodingInterrupted as interrupted:
        _try_again(run, str(interrupted), now=clock())
        return
    except Exception:  # the row learns of it, then Celery logs it with its traceback
        life.end(
            run, Job.Status.ERRORED, now=clock(), reason="Something unexpected: the worker's log has it."
        )
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _covers(run, stage, current):
    # Responses are never deleted, so as many as were scored then means the same ones.
    return run.encoder_id is not None and run.encoder == current and run.total >= stage.responses_count


@transaction.atomic
def _open_run(stage, *, now):
    run = ScoringRun.objects.create(stage=stage, created_at=now)
    audit.record("scoring:open", run, by=None, now=now)
    return run


def _try_again(run, why, *, now):
    if run.attempt >= MOST_ATTEMPTS:
        reason = f"{why} This happened {run.attempt} times: look at the worker's memory, then resume."
        life.end(run, Job.Status.FAILED, now=now, reason=reason)
    else:
        life.give_back(run, now=now, reason=why)


def _score_stage(run, folder, *, clock):
    def heartbeat():
        if life.beat(run, now=clock()):
            raise Canceled

    phi = encoder(run_dir=folder / "encoder", heartbeat=heartbeat)
    row = Encoder.objects.filter(weights_sha256=phi.sha256).first()
    if row is not None:
        Encoder.objects.filter(pk=row.pk).update(name=phi.name, used_at=clock())
    responses = Response.objects.filter(stage_id=run.stage_id)
    while chunk := list(_lacking(responses, row).order_by("pk").only("pk", "text", "prompt_id")[:CHUNK]):
        row = _score_chunk(run, responses, chunk, phi, row, folder, heartbeat=heartbeat, clock=clock)
    # Counted from the cosines, not the responses: one that came in just now is the next run's.
    summary = summarize(Stage.objects.select_related("policy").get(pk=run.stage_id), row)
    _tell(run, row, done=summary["n"], total=summary["n"], summary=summary)


def _score_chunk(run, responses, chunk, phi, row, folder, *, heartbeat, clock):
    """Embed and store one chunk; returns the encoder's row, which the first chunk of a new encoder makes."""
    total = responses.count()
    before = total - _lacking(responses, row).count()
    prompts = _prompts_to_embed(chunk, row)
    # The same chunk after a restart finds here what its predecessor had embedded.
    here = folder / f"chunk-{chunk[0].pk}"

    def on_progress(done, _):
        _tell(run, row, done=before + max(done - len(prompts), 0), total=total)

    on_progress(0, len(chunk))
    texts = {_key(each): each.text for each in [*prompts, *chunk]}
    vectors = embed_texts(texts, run_dir=here, phi=phi, heartbeat=heartbeat, on_progress=on_progress)
    row = row or _new_encoder(phi, vectors, now=clock())
    _store(run, row, prompts, chunk, vectors, clock=clock)
    shutil.rmtree(here, ignore_errors=True)
    return row


def _lacking(responses, row):
    return responses.filter(~Exists(CoherenceScore.objects.filter(encoder=row, response=OuterRef("pk"))))


def _prompts_to_embed(chunk, row):
    prompts = Prompt.objects.filter(pk__in={response.prompt_id for response in chunk})
    lacking = ~Exists(PromptEmbedding.objects.filter(encoder=row, prompt=OuterRef("pk")))
    return list(prompts.filter(lacking).order_by("pk").only("pk", "text"))


def _new_encoder(phi, vectors, *, now):
    dimension = len(next(iter(vectors.values())))
    row, _ = Encoder.objects.get_or_create(
        weights_sha256=phi.sha256, defaults={"name": phi.name, "dimension": dimension, "used_at": now}
    )
    return row


def _store(run, row, prompts, chunk, vectors, *, clock):
    """Write a chunk's vectors and cosines, batch by batch; each batch only while the run is still ours."""
    for batch in _batches(prompts):
        with transaction.atomic():
            life.beat(run, now=clock())
            PromptEmbedding.objects.bulk_create(
                [
                    PromptEmbedding(
                        encoder=row,
                        prompt=prompt,
                        vector=np.asarray(vectors[_key(prompt)], dtype=VECTOR).tobytes(),
                    )
                    for prompt in batch
                ],
                ignore_conflicts=True,
            )
    for batch in _batches(chunk):
        asked = _prompt_vectors(batch, row)
        now = clock()
        with transaction.atomic():
            life.beat(run, now=now)
            CoherenceScore.objects.bulk_create(
                [
                    CoherenceScore(
                        encoder=row,
                        response=response,
                        cosine=_cosine(asked[response.prompt_id], vectors[_key(response)]),
                        is_refusal=is_refusal(response.text),
                        created_at=now,
                    )
                    for response in batch
                ],
                ignore_conflicts=True,
            )


def _prompt_vectors(responses, row):
    rows = PromptEmbedding.objects.filter(encoder=row, prompt__in={each.prompt_id for each in responses})
    return {
        prompt: np.frombuffer(vector, dtype=VECTOR) for prompt, vector in rows.values_list("prompt", "vector")
    }


def _cosine(one, other):
    # Both have length 1 up to float32 rounding, so the product is the cosine; float64 keeps the sum exact enough.
    return float(np.dot(one.astype(np.float64), other.astype(np.float64)))


def _tell(run, row, **fields):
    """Show how far our attempt is."""
    ScoringRun.objects.filter(pk=run.pk, attempt=run.attempt).update(encoder=row, **fields)


def _batches(rows):
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


def _key(row):
    return f"{row._meta.model_name}-{row.pk}"
