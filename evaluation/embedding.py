"""Sentence-BERT vectors of texts, from the child process that loads φ."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from django.conf import settings

from evaluation.encoder.vectors import TRUNCATED, read_vectors
from jobs.files import read_lines, write_json, write_lines
from jobs.life import NotFinished, Refused
from jobs.processes import kill_leftover
from jobs.supervisor import python_child, supervise
from training.trainer.sources import Unusable, prepare_model, target_name


@dataclass(frozen=True)
class Phi:
    """A Sentence-BERT model on disk: `sha256` over its weights tells it from every other."""

    name: str
    path: Path
    sha256: str


class Embedded(NamedTuple):
    """Vectors of length 1 (float32) of texts by their id, and the ids of those that φ read by their beginning alone."""

    vectors: dict
    truncated: frozenset


def encoder(*, run_dir, **supervision):
    """The encoder named by the settings, prepared on first use. Raises Refused or NotFinished; `supervision` goes to
    supervise()."""
    try:
        outcome, ready = prepare_model(
            settings.ENCODER,
            settings.MODELS_DIR / target_name(settings.ENCODER),
            run_dir=run_dir,
            **supervision,
        )
    except Unusable as error:
        raise Refused("encoder_not_loaded", because="told", text=str(error)) from error
    _check(outcome, "encoder_not_loaded")
    return Phi(name=settings.ENCODER, path=Path(ready.path), sha256=ready.sha256)


def embed_texts(texts, *, run_dir, phi, on_progress=lambda done, total: None, **supervision):
    """`texts`, a dict of id to text, as Embedded.

    `run_dir` keeps what is done: a call that was killed goes on there. Raises NotFinished; `supervision` goes to
    supervise().
    """
    if not texts:
        return Embedded({}, frozenset())
    kill_leftover(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    write_lines(run_dir / "texts.jsonl", [{"id": str(key), "text": text} for key, text in texts.items()])
    write_json(run_dir / "config.json", {"model_path": str(phi.path), "texts_file": "texts.jsonl"})

    def take(event):
        if event["kind"] == "progress":
            on_progress(event["done"], event["total"])

    outcome = supervise(python_child("evaluation.encoder", run_dir), run_dir, on_event=take, **supervision)
    _check(outcome, "texts_not_embedded")
    ids, vectors = read_vectors(run_dir)
    keys = {str(key): key for key in texts}
    # A directory that an earlier call left may hold more than was asked for now.
    found = {
        keys[name]: np.asarray(vector) for name, vector in zip(ids, vectors, strict=True) if name in keys
    }
    truncated = {row["id"] for row in read_lines(run_dir / TRUNCATED)}
    return Embedded(found, frozenset(keys[name] for name in truncated & keys.keys()))


def _check(outcome, what):
    """Raise NotFinished for every end but success; a failure is told as the reason why `what` went wrong."""
    if outcome.status in ("failed", "errored"):
        outcome = replace(outcome, reason=outcome.reason.within(what))
    if outcome.status != "succeeded":
        raise NotFinished(outcome)
