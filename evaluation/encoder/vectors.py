"""The vectors of an encoder run as files: raw little-endian float32 rows beside their ids. Torch-free.

Vectors are written before their ids, so ids count what is whole; what a kill left after it is cut off.
"""

import json
from pathlib import Path

import numpy as np

from jobs.files import append, cut_torn_line, encode_line, read_lines

FLOAT = np.dtype("<f4")
TRUNCATED = "truncated.jsonl"
"""The ids of the texts that were longer than the model reads."""


def read_vectors(run_dir):
    """(ids, array of shape (len(ids), dimension), float32, every row of length 1) of an encoder run.

    Raises FileNotFoundError before the encoder has told its dimension.
    """
    run_dir = Path(run_dir)
    dimension = json.loads((run_dir / "encoder.json").read_text())["dimension"]
    ids = [row["id"] for row in read_lines(run_dir / "ids.jsonl")]
    path = run_dir / "vectors.f32"
    flat = np.fromfile(path, dtype=FLOAT, count=len(ids) * dimension) if ids else np.empty(0, FLOAT)
    return ids, flat.reshape(len(ids), dimension)


class VectorFiles:
    """Appends batches of vectors; opening it again goes on after the last whole batch."""

    def __init__(self, run_dir, dimension):
        self.vectors, self.ids = Path(run_dir) / "vectors.f32", Path(run_dir) / "ids.jsonl"
        cut_torn_line(self.ids)
        self.done = {row["id"] for row in read_lines(self.ids)}
        with open(self.vectors, "ab") as handle:
            handle.truncate(len(self.done) * dimension * FLOAT.itemsize)

    def add(self, ids, rows):
        append(self.vectors, np.ascontiguousarray(rows, dtype=FLOAT).tobytes())
        append(self.ids, b"".join(encode_line({"id": id}) for id in ids))
        self.done.update(ids)
