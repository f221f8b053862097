"""Checkpoints that may be resumed from: those known to be whole. Torch-free.

A killed process leaves half a checkpoint, and the newest folder is then the wrong one (the trainer itself would
pick it). So each gets, once everything in it is written and on the disk, a mark with the size of every file;
without a true mark it is no checkpoint.
"""

import json
import shutil
from pathlib import Path

from jobs.files import sync_tree, write_json

MARK = "whole.json"


def mark_whole(checkpoint):
    checkpoint = Path(checkpoint)
    sync_tree(checkpoint)
    write_json(checkpoint / MARK, sizes(checkpoint))


def sizes(checkpoint):
    return {
        path.relative_to(checkpoint).as_posix(): path.stat().st_size
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path.name != MARK
    }


def is_whole(checkpoint):
    try:
        return json.loads((Path(checkpoint) / MARK).read_text()) == sizes(Path(checkpoint))
    except (FileNotFoundError, ValueError):
        return False


def step_of(checkpoint):
    return int(Path(checkpoint).name.rpartition("-")[2])


def last_whole(folder):
    """The latest whole checkpoint in the folder, or None. What is newer and broken is removed."""
    for checkpoint in sorted(Path(folder).glob("checkpoint-*"), key=step_of, reverse=True):
        if is_whole(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None
