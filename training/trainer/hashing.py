"""What a model or a data file is told apart by. Torch-free: the worker uses it too."""

import hashlib
from pathlib import Path

from jobs.files import PIECE

WEIGHTS = "*.safetensors"


def hash_file(path, *, tell=lambda: None):
    """The SHA-256 of a file's bytes, in hex. `tell()` is called after each piece read: a large file takes long."""
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while piece := handle.read(PIECE):
            digest.update(piece)
            tell()
    return digest.hexdigest()


def hash_folder(path, *, tell=lambda: None):
    """The SHA-256, in hex, over the names and bytes of the weight files (safetensors) in a model folder.

    Names are relative and sorted; configuration, tokenizer and dates don't count. Reads the weights once
    (about 1 s per GB). Raises FileNotFoundError for a folder without weights.
    """
    path = Path(path)
    files = sorted(path.rglob(WEIGHTS), key=lambda file: file.relative_to(path).as_posix())
    if not files:
        raise FileNotFoundError(f"{path} holds no safetensors weights.")
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()}\0{hash_file(file, tell=tell)}\n".encode())
    return digest.hexdigest()
