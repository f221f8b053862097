"""Sentence-BERT vectors of texts, from the child process that loads φ."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

from core.errors import DomainError
from evaluation.encoder.vectors import read_vectors
from jobs.files import write_json, write_lines
from jobs.supervisor import kill_leftover, python_child, supervise
from training.trainer.sources import Unusable, prepare_model, target_name


class EncodingFailed(DomainError):
    """φ could not be loaded or run; the message says why."""


class EncodingInterrupted(Exception):
    """The child was ended from outside. The same call over the same run directory goes on from there."""


@dataclass(frozen=True)
class Phi:
    """A Sentence-BERT model on disk: `sha256` over its weights tells it from every other."""

    name: str
    path: Path
    sha256: str


def encoder(*, run_dir, heartbeat=lambda: None):
    """The encoder named by the settings, prepared on first use. Raises EncodingFailed."""
    try:
        outcome, ready = prepare_model(
            settings.ENCODER,
            settings.MODELS_DIR / target_name(settings.ENCODER),
            run_dir=run_dir,
            heartbeat=heartbeat,
        )
    except Unusable as error:
        raise EncodingFailed(f"Sentence-BERT could not be loaded: {error}") from error
    _check(outcome, "Sentence-BERT could not be loaded")
    return Phi(name=settings.ENCODER, path=Path(ready.path), sha256=ready.sha256)


def embed_texts(texts, *, run_dir, phi, heartbeat=lambda: None, on_progress=lambda done, total: None):
    """{id: vector of length 1 (float32)} for `texts`, a dict of id to text.

    `run_dir` keeps what is done: a call that was killed goes on there. Raises EncodingFailed with a reason,
    EncodingInterrupted where trying again will do; `heartbeat` may raise to stop.
    """
    if not texts:
        return {}
    kill_leftover(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_lines(run_dir / "texts.jsonl", [{"id": str(key), "text": text} for key, text in texts.items()])
    write_json(run_dir / "config.json", {"model_path": str(phi.path), "texts_file": "texts.jsonl"})

    def take(event):
        if event["kind"] == "progress":
            on_progress(event["done"], event["total"])

    outcome = supervise(
        python_child("evaluation.encoder", run_dir), run_dir, on_event=take, heartbeat=heartbeat
    )
    _check(outcome, "Sentence-BERT could not embed the texts")
    ids, vectors = read_vectors(run_dir)
    keys = {str(key): key for key in texts}
    # A directory that an earlier call left may hold more than was asked for now.
    return {keys[name]: np.asarray(vector) for name, vector in zip(ids, vectors, strict=True) if name in keys}


def _check(outcome, what):
    if outcome.status == "interrupted":
        raise EncodingInterrupted(outcome.message)
    if outcome.status != "succeeded":
        raise EncodingFailed(f"{what}: {outcome.message}")
