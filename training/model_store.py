"""Where the weights of model versions are kept, and how they come to a folder that a child process can load."""

import errno
import shutil
from pathlib import Path

from django.conf import settings

from core.models import ModelVersion
from jobs.files import copy_file, new_folder
from jobs.life import NotFinished, Refused
from jobs.processes import kill_leftover
from training.endpoints import is_endpoint
from training.trainer.hashing import hash_folder
from training.trainer.sources import PREFIX, Unusable, prepare_model, target_name

ARTIFACT = "artifact:"
"""Marks a location under MEDIA_ROOT, as "package:" marks one in a wheel."""


def keep_model(folder, name, *, attempt):
    """Put a finished model folder under `name` and return its location.

    It is moved; only to another file system it is copied, which may take long, and the job is kept alive meanwhile.
    Doing it again after it has moved changes nothing.
    """
    target = place_of(name)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with attempt.kept_alive(), new_folder(target) as beside:
                for path in sorted(folder.rglob("*")):
                    if path.is_dir():
                        (beside / path.relative_to(folder)).mkdir()
                    else:
                        copy_file(path, beside / path.relative_to(folder))
            shutil.rmtree(folder)
    return ARTIFACT + name


def is_kept(name):
    """Whether `keep_model` has put a folder under `name`."""
    return place_of(name).exists()


def place_of(name):
    return Path(settings.MEDIA_ROOT) / name


def ready_folder(model, *, attempt):
    """A local folder with the weights of `model`, made ready first if need be.

    Notes the hash of weights that are seen for the first time and raises Refused where they have changed
    since: what a model version said and learned would no longer be explained by it.
    """
    if not model.location:
        raise Refused("known_by_name_only", model=str(model))
    if is_endpoint(model.location):
        raise Refused("endpoint_without_weights", model=str(model))
    with attempt.kept_alive():
        if model.location.startswith(ARTIFACT):
            folder, sha256 = _kept(model)
        else:
            folder, sha256 = _from_source(model.location, attempt)
    if model.weights_sha256 and model.weights_sha256 != sha256:
        raise Refused(
            "weights_changed",
            model=str(model),
            location=model.location,
            found=sha256[:12],
            expected=model.weights_sha256[:12],
        )
    if not model.weights_sha256:
        ModelVersion.objects.filter(pk=model.pk, weights_sha256="").update(weights_sha256=sha256)
        model.weights_sha256 = sha256
    return folder


def _kept(model):
    name = model.location.removeprefix(ARTIFACT)
    folder = place_of(name)
    try:
        return folder, hash_folder(folder)
    except FileNotFoundError:
        raise Refused("weights_missing", model=str(model), name=name) from None


def _from_source(source, attempt):
    run_dir = attempt.run_dir / "prepare"
    run_dir.mkdir(exist_ok=True)
    kill_leftover(run_dir)
    try:
        outcome, ready = prepare_model(
            source,
            settings.MODELS_DIR / target_name(source),
            run_dir=run_dir,
            hub=not source.startswith(PREFIX),
            **attempt.supervision(),
        )
    except Unusable as error:
        raise Refused("told", text=str(error)) from error
    if ready is None:
        raise NotFinished(outcome)
    return ready.path, ready.sha256
