"""Where the weights of model versions are kept, and how they come to a folder that a child process can load."""

import errno
import shutil
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage

from core.models import ModelVersion
from jobs.attempt import NotFinished, Refused, kept_alive
from jobs.files import new_folder
from jobs.supervisor import kill_leftover
from training.trainer.hashing import hash_folder
from training.trainer.sources import PREFIX, Unusable, prepare_model, target_name

ARTIFACT = "artifact:"
"""Marks a location in the storage, as "package:" marks one in a wheel."""


def keep_model(folder, name, *, attempt):
    """Put a finished model folder under `name` in the storage and return its location.

    On the file system the folder is moved, not copied; doing it again after it has moved changes nothing.
    Another storage is sent the files while the job is kept alive.
    """
    if isinstance(default_storage, FileSystemStorage):
        _move(folder, Path(default_storage.path(name)))
    else:
        with kept_alive(attempt):
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    _send(path, f"{name}/{path.relative_to(folder).as_posix()}")
    return ARTIFACT + name


def is_kept(name):
    """Whether `keep_model` has moved a folder to `name`; never true for a storage that is sent copies."""
    return isinstance(default_storage, FileSystemStorage) and Path(default_storage.path(name)).exists()


def _move(folder, target):
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with new_folder(target) as beside:
            shutil.copytree(folder, beside, dirs_exist_ok=True)


def _send(path, name):
    # What an interrupted upload left may be half a file, and storages keep both under different names.
    if default_storage.exists(name):
        default_storage.delete(name)
    with open(path, "rb") as handle:
        default_storage.save(name, File(handle))


def ready_folder(model, *, attempt):
    """A local folder with the weights of `model`, fetched or converted first if need be.

    Notes the hash of weights that are seen for the first time and raises Refused where they have changed
    since: what a model version said and learned would no longer be explained by it.
    """
    if not model.location:
        raise Refused(
            f"“{model}” is known by name only, its responses were imported: there are no weights to run. "
            "Choose a base model for the training, or import the responses of this stage too."
        )
    if model.location.startswith(ARTIFACT):
        folder, sha256 = _from_storage(model, attempt)
    else:
        folder, sha256 = _from_source(model.location, attempt)
    if model.weights_sha256 and model.weights_sha256 != sha256:
        raise Refused(
            f"The weights of “{model}” at {model.location} are not the ones it had: SHA-256 {sha256[:12]} instead "
            f"of {model.weights_sha256[:12]}. Put the former files back, or start a project with the new ones."
        )
    if not model.weights_sha256:
        ModelVersion.objects.filter(pk=model.pk, weights_sha256="").update(weights_sha256=sha256)
        model.weights_sha256 = sha256
    return folder


def _from_storage(model, attempt):
    name = model.location.removeprefix(ARTIFACT)
    if isinstance(default_storage, FileSystemStorage):
        folder = Path(default_storage.path(name))
    else:
        folder = settings.MODELS_DIR / "fetched" / model.weights_sha256
        if not folder.exists():
            with kept_alive(attempt), new_folder(folder) as beside:
                _fetch(name, beside)
    try:
        return folder, hash_folder(folder)
    except FileNotFoundError:
        raise Refused(
            f"The weights of “{model}” are missing from the storage ({name}): restore them from a backup, or "
            "train the model again."
        ) from None


def _fetch(name, folder):
    """Copy everything under `name` in the storage into `folder`."""
    folder.mkdir(exist_ok=True)
    folders, files = default_storage.listdir(name)
    for file in files:
        with default_storage.open(f"{name}/{file}") as source, open(folder / file, "wb") as target:
            shutil.copyfileobj(source, target)
    for inner in folders:
        _fetch(f"{name}/{inner}", folder / inner)


def _from_source(source, attempt):
    run_dir = attempt.run_dir / "prepare"
    run_dir.mkdir(exist_ok=True)
    kill_leftover(run_dir)
    try:
        outcome, ready = prepare_model(
            source,
            settings.MODELS_DIR / target_name(source),
            run_dir=run_dir,
            heartbeat=attempt.beat,
            should_cancel=attempt.should_stop,
            hub=not source.startswith(PREFIX),
        )
    except Unusable as error:
        raise Refused(str(error)) from error
    if ready is None:
        raise NotFinished(outcome)
    return ready.path, ready.sha256
