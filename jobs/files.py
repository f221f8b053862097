"""Files that survive a kill at any byte: JSON lines with a torn end, and whole files by rename. Torch-free."""

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

PIECE = 16 * 1024 * 1024


def read_lines(path):
    """The objects of a JSON-lines file; none if it isn't there. A last line without its newline was torn by a
    kill and is left out. Raises ValueError, naming file and line, for anything else that isn't JSON."""
    path = Path(path)
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise ValueError(f"{path.name}, line {number}, is not JSON: {error}") from None
    return rows


def encode_line(row):
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def write_lines(path, rows):
    """Write a JSON-lines file whole, by rename. Returns its path."""
    return write_whole(path, b"".join(map(encode_line, rows)))


def write_json(path, value):
    return write_whole(path, json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")


def write_whole(path, content):
    """Write bytes so that a reader, and a machine after a power cut, finds the old file or the new one."""
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    with open(beside, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(path)
    sync_folder(path.parent)
    return path


def append(path, content):
    """Append bytes in one write and wait until they are on the disk."""
    with open(path, "ab") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def cut_torn_line(path):
    """Drop what a killed writer left after the last newline, so that the next append begins a line."""
    path = Path(path)
    if not path.exists():
        return
    with open(path, "r+b") as handle:
        end = handle.seek(0, os.SEEK_END)
        # From the end in blocks: a long file is not read for its last line.
        while end > 0:
            start = max(0, end - 65536)
            handle.seek(start)
            newline = handle.read(end - start).rfind(b"\n")
            if newline >= 0:
                handle.truncate(start + newline + 1)
                return
            end = start
        handle.truncate(0)


def copy_file(source, target, *, tell=lambda: None):
    """Copy a file's bytes; `tell()` is called after each piece, because a large one takes long."""
    with open(source, "rb") as original, open(target, "wb") as copy:
        while piece := original.read(PIECE):
            copy.write(piece)
            tell()


@contextmanager
def new_folder(target):
    """A folder to fill beside `target`; renamed to it at the end, thrown away on an error.

    `target` holds, at every moment, nothing, what was there before, or the whole new content.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        put_in_place(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def put_in_place(folder, target):
    """Rename a filled folder to `target`, in place of what is there, once all of it is on the disk."""
    sync_tree(folder)
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    if target.exists():
        target.replace(old)
    folder.replace(target)
    sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def sync_tree(folder):
    """Wait until every file is on the disk."""
    for path in Path(folder).rglob("*"):
        if path.is_file():
            sync_file(path)


def sync_file(path):
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())


def sync_folder(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
