"""Every response of a stage gets its cosine, once, on the worker.

The sweep opens a scoring run for each stage past RESPONDING with responses that lack a cosine under the encoder in
force. The run embeds what is missing in chunks: prompts once for all stages, responses once. A chunk is stored
before the next begins, so a killed worker loses no stored cosine, and its successor embeds only the rest.
"""

import shutil

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils import timezone

from annotation.models import Prompt, Response
from core import audit
from core.models import Stage
from evaluation.embedding import embed_texts, encoder
from evaluation.encoders import encoder_in_force
from evaluation.models import CoherenceScore, Encoder, PromptEmbedding, ScoringRun
from evaluation.near_pairs import find_pairs
from evaluation.refusals import is_refusal
from evaluation.scripts import in_another_script
from evaluation.stage_coherence import summarize
from evaluation.stored_vectors import from_bytes, to_bytes
from jobs.life import carry_out
from jobs.models import Job
from jobs.stopping import worker_is_stopping

# Loading φ takes seconds, so a chunk is large; its texts and vectors must fit into memory (about 60 MB).
CHUNK = 20_000
# Rows a transaction: the write lock of SQLite is held for a fraction of a second.
BATCH = 2_000
LOOKED_AT = ("cosine", "is_refusal", "is_truncated", "other_script")


def unscored(project):
    """The responses of `project`, in stages past RESPONDING, that lack a cosine under the encoder in force."""
    responses = Response.objects.filter(stage__project=project).exclude(stage__status=Stage.Status.RESPONDING)
    return _lacking(responses, encoder_in_force())


def open_runs(*, now):
    """Open a scoring run for each stage that has something new to score. Idempotent; returns the new runs.

    A stage whose last run ended badly waits for a person, who sees the reason and resumes it.
    """
    latest = ScoringRun.objects.filter(stage=OuterRef("pk")).order_by("-id")
    stages = Stage.objects.exclude(status=Stage.Status.RESPONDING).annotate(
        last_status=Subquery(latest.values("status")[:1]), last_encoder=Subquery(latest.values("encoder")[:1])
    )
    # No response comes in after RESPONDING, so a run that SUCCEEDED has scored all of them.
    outdated = Q(last_status=Job.Status.SUCCEEDED)
    if current := encoder_in_force():
        outdated &= ~Q(last_encoder=current.pk)
    due = stages.filter(Q(last_status=None) | outdated).filter(
        Exists(Response.objects.filter(stage=OuterRef("pk")))
    )
    opened = []
    for stage in due.select_related("project"):
        try:
            opened.append(_open_run(stage, now=now))
        except IntegrityError:
            continue  # another sweep was first
    return opened


def run_scoring(*, pk, clock=timezone.now, stopping=worker_is_stopping):
    """Do a queued scoring run: to its end, to a cancel, or until this worker is `stopping` or lost it."""
    carry_out(
        ScoringRun,
        pk=pk,
        work=lambda attempt: Scoring(attempt).score_stage(),
        clock=clock,
        stopping=stopping,
    )


@transaction.atomic
def _open_run(stage, *, now):
    run = ScoringRun.objects.create(stage=stage, created_at=now)
    audit.record("scoring:open", run, by=None, now=now)
    return run


class Scoring:
    """One attempt at giving every response of a stage its cosine."""

    def __init__(self, attempt):
        self.attempt, self.run, self.folder = attempt, attempt.job, attempt.run_dir
        self.responses = Response.objects.filter(stage_id=self.run.stage_id)
        self.phi = self.row = None

    def score_stage(self):
        with self.attempt.kept_alive():
            self.phi = encoder(run_dir=self.folder / "encoder", **self.attempt.supervision())
        self.row = Encoder.objects.filter(weights_sha256=self.phi.sha256).first()
        if self.row is not None:
            Encoder.objects.filter(pk=self.row.pk).update(name=self.phi.name, used_at=self.attempt.clock())
            self.take_over()
        while chunk := self.next_chunk():
            self.score(chunk)
            self.attempt.progressed()
        with self.attempt.kept_alive():
            project = Stage.objects.values_list("project", flat=True).get(pk=self.run.stage_id)
            find_pairs(project, self.row, now=self.attempt.clock())
        # Counted from the cosines, not the responses: one that came in just now is the next run's.
        summary = summarize(Stage.objects.select_related("policy").get(pk=self.run.stage_id), self.row)
        with transaction.atomic():
            self.attempt.write(
                encoder=self.row, done=summary["n"], total=summary["n"], summary=summary, fruitless=0
            )
            self.attempt.end(Job.Status.SUCCEEDED)
        shutil.rmtree(self.folder, ignore_errors=True)

    def take_over(self):
        """Give copies the cosines that their originals have under this encoder: prompt and text are the same."""
        copies = _lacking(self.responses, self.row).filter(copy_of__coherence_scores__encoder=self.row)
        scored = copies.order_by("pk").values(
            response_id=F("pk"), **{name: F(f"copy_of__coherence_scores__{name}") for name in LOOKED_AT}
        )
        while batch := list(scored[:BATCH]):
            self.keep(batch)

    def next_chunk(self):
        lacking = _lacking(self.responses, self.row).order_by("pk")
        return list(lacking.only("pk", "text", "prompt_id")[:CHUNK])

    def score(self, chunk):
        """Embed and store one chunk; the first chunk of a new encoder makes the encoder's row."""
        total = self.responses.count()
        before = total - _lacking(self.responses, self.row).count()
        prompts = _prompts_to_embed(chunk, self.row)

        def on_progress(done, _):
            scored = before + max(done - len(prompts), 0)
            self.attempt.write(encoder=self.row, done=scored, total=total)

        on_progress(0, len(chunk))
        # The same chunk after a restart finds here what its predecessor had embedded.
        here = self.folder / f"chunk-{chunk[0].pk}"
        embedded = embed_texts(
            {_key(each): each.text for each in [*prompts, *chunk]},
            run_dir=here,
            phi=self.phi,
            on_progress=self.attempt.or_not_now(on_progress),
            **self.attempt.supervision(),
        )
        self.row = self.row or _new_encoder(self.phi, embedded.vectors, now=self.attempt.clock())
        self.store(prompts, chunk, embedded)
        shutil.rmtree(here, ignore_errors=True)

    def store(self, prompts, chunk, embedded):
        """Write a chunk's vectors and cosines, batch by batch; each batch only while the run is still ours."""
        vectors, truncated = embedded
        for batch in _batches(prompts):
            with transaction.atomic():
                self.attempt.beat()
                PromptEmbedding.objects.bulk_create(
                    [
                        PromptEmbedding(
                            encoder=self.row,
                            prompt=prompt,
                            vector=to_bytes(vectors[_key(prompt)]),
                            is_truncated=_key(prompt) in truncated,
                        )
                        for prompt in batch
                    ],
                    ignore_conflicts=True,
                )
        for batch in _batches(chunk):
            asked = _embedded_prompts(batch, self.row)
            self.keep(
                self.looked_at(response, asked[response.prompt_id], vectors[_key(response)], truncated)
                for response in batch
            )

    def looked_at(self, response, prompt, vector, truncated):
        return {
            "response_id": response.pk,
            "cosine": _cosine(from_bytes(prompt.vector), vector),
            "is_refusal": is_refusal(response.text),
            "is_truncated": _key(response) in truncated,
            "other_script": in_another_script(prompt.prompt.text, response.text),
        }

    def keep(self, found):
        """Store a batch of scores, each as its fields, while the run is still ours."""
        now = self.attempt.clock()
        with transaction.atomic():
            self.attempt.beat()
            CoherenceScore.objects.bulk_create(
                [CoherenceScore(encoder=self.row, created_at=now, **fields) for fields in found],
                ignore_conflicts=True,
            )


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


def _embedded_prompts(responses, row):
    """{prompt: its PromptEmbedding, with the text}."""
    rows = PromptEmbedding.objects.filter(encoder=row, prompt__in={each.prompt_id for each in responses})
    return {each.prompt_id: each for each in rows.select_related("prompt").only("vector", "prompt__text")}


def _cosine(one, other):
    # Both have length 1 up to float32 rounding, so the product is the cosine; float64 keeps the sum exact enough.
    return float(np.dot(one.astype(np.float64), other.astype(np.float64)))


def _batches(rows):
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


def _key(row):
    return f"{row._meta.model_name}-{row.pk}"
