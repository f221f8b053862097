"""How a PromptEmbedding holds its vector: as little-endian float32 numbers, one behind the other."""

import numpy as np

LAYOUT = np.dtype("<f4")


def to_bytes(vector):
    return np.asarray(vector, dtype=LAYOUT).tobytes()


def from_bytes(stored):
    return np.frombuffer(stored, dtype=LAYOUT)
