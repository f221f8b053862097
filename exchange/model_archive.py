"""A model version as one file: weights, training sets, report, card, and SHA256SUMS over all of them.

A zip without compression, written from the disk piece by piece: weights of any size take the memory of one piece.
"""

import hashlib
import json
import os
import zipfile
from pathlib import Path

from django.conf import settings

from core.errors import Conflict
from evaluation.reports import as_json, build_report
from exchange.model_card import card_of
from jobs.files import PIECE
from training.dataset import read_lines_of
from training.model_facts import facts_of
from training.model_store import ARTIFACT, place_of
from training.trainer.sources import target_name

SUMS = "SHA256SUMS"


def weights_of(model):
    """The folder with the model's weights on this machine, or None."""
    if model.location.startswith(ARTIFACT):
        folder = place_of(model.location.removeprefix(ARTIFACT))
    elif Path(model.location).is_absolute():
        folder = Path(model.location)
    else:
        folder = settings.MODELS_DIR / target_name(model.location)
    return folder if model.location and folder.is_dir() else None


def write_archive(model, path):
    """Write the archive of a model version to `path`, whole or not at all. Returns {name in the archive: SHA-256}.

    An adapter lies beside the weights that it was merged into, in `weights/adapter/`. Raises Conflict where the weights
    are not on this machine.
    """
    weights = weights_of(model)
    if weights is None:
        raise Conflict(
            f"The weights of “{model}” are not on this machine: run this where its runs were made, or let it answer "
            "once."
        )
    part = path.with_name(f".{path.name}.part")
    sums = {}
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, pieces in _contents(model, weights):
                sums[name] = _write(archive, name, pieces)
            _write(archive, SUMS, ["".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()])
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return sums


def _contents(model, weights):
    """(name, its bytes in pieces) of everything but the sums."""
    yield "README.md", [card_of(model, weights).encode()]
    report = json.dumps(as_json(build_report(model.project)), ensure_ascii=False, indent=2)
    yield "report.json", [report.encode()]
    for each in facts_of(model).line:
        if each.run:
            training_set = each.run.training_set
            yield f"training-sets/{training_set.sha256}.jsonl", read_lines_of(training_set)
    for file in sorted(weights.rglob("*")):
        if file.is_file():
            yield f"weights/{file.relative_to(weights).as_posix()}", _pieces(file)


def _pieces(file):
    with open(file, "rb") as handle:
        while piece := handle.read(PIECE):
            yield piece


def _write(archive, name, pieces):
    digest = hashlib.sha256()
    # A fixed date: the same model gives the same bytes.
    with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
        for piece in pieces:
            digest.update(piece)
            entry.write(piece)
    return digest.hexdigest()
