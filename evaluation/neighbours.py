"""Held-out prompts that mean nearly what a training prompt does: what a model learned there, it is asked again here."""

from math import prod

import numpy as np
from django.db.models import Count, Q

from annotation.models import Prompt
from evaluation.models import PromptEmbedding
from evaluation.stored_vectors import from_bytes

NEAR = 0.9
"""The cosine from which two prompts say nearly the same."""
MOST_PAIRS = 50_000_000
"""A second's work; of more pairs nothing is said."""
BLOCK = 1_000  # held-out prompts compared at once


def held_out_neighbours(project, encoder):
    """(held-out prompts with a training prompt at NEAR or nearer, held-out prompts compared); None where it is not
    known, or the pairs are too many."""
    embedded = PromptEmbedding.objects.filter(encoder=encoder, prompt__project=project)
    splits = Prompt.Split.HELD_OUT, Prompt.Split.TRAIN
    number = embedded.aggregate(
        **{split.name: Count("pk", filter=Q(prompt__split=split)) for split in splits}
    )
    if not 0 < prod(number.values()) <= MOST_PAIRS:
        return None
    asked, learned = (_matrix(embedded.filter(prompt__split=split)) for split in splits)
    near = sum(
        int(((asked[start : start + BLOCK] @ learned.T).max(axis=1) >= NEAR).sum())
        for start in range(0, len(asked), BLOCK)
    )
    return near, len(asked)


def _matrix(embedded):
    vectors = embedded.order_by("prompt").values_list("vector", flat=True)
    return np.stack([from_bytes(vector) for vector in vectors])
