"""Pairs of prompts, one to be learned from and one held out, that ask nearly the same.

The worker finds them once a stage's prompts have vectors; whoever launches a run asks for them (training/apart.py).
"""

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef

from annotation.conversations import SYSTEM
from annotation.models import Prompt, load_earlier
from core.texts import folded
from evaluation.encoders import encoder_in_force
from evaluation.models import NeighbourPair, Neighbours, PromptEmbedding, ScoringRun
from evaluation.stored_vectors import from_bytes
from jobs.models import Job
from training.apart import NEAR, SHOWN, Compared, NearPair
from training.dataset import LEARNED_FROM

HELD_OUT = Prompt.Split.HELD_OUT
MOST_KEPT = 10_000
"""Pairs kept of a project, the nearest; where there are more, its prompts are to be split anew."""
BLOCK = 1_000  # held-out prompts compared at once
BATCH = 1_000


def find_pairs(project, encoder, *, now):
    """Compare the project's held-out prompts with those that may be learned from, as far as they have vectors under
    `encoder`, and keep what was found in place of what was known. Returns the Neighbours."""
    asked, learned = (_vectors(project, encoder, splits) for splits in ([HELD_OUT], LEARNED_FROM))
    near = _same_talk(_nearest(asked, learned))
    with transaction.atomic():
        Neighbours.objects.filter(project=project).delete()
        row = Neighbours.objects.create(
            project_id=project,
            encoder=encoder,
            held_out=len(asked[0]),
            learned=len(learned[0]),
            found=len(near),
            compared_at=now,
        )
        NeighbourPair.objects.bulk_create(
            [
                NeighbourPair(neighbours=row, learned_id=one, held_out_id=other, cosine=cosine)
                for cosine, one, other in near[:MOST_KEPT]
            ],
            batch_size=BATCH,
        )
    return row


def projects_to_compare():
    """Keys of projects whose stages were scored under the encoder in force and never compared under it."""
    encoder = encoder_in_force()
    compared = Neighbours.objects.filter(project=OuterRef("stage__project"), encoder=encoder)
    scored = ScoringRun.objects.filter(~Exists(compared), encoder=encoder, status=Job.Status.SUCCEEDED)
    return list(scored.order_by().values_list("stage__project", flat=True).distinct()) if encoder else []


def compared(stage, learned):
    """The Compared of the prompts in the query `learned` with the held-out ones in use, as the worker last found it."""
    encoder = encoder_in_force()
    row = encoder and Neighbours.objects.filter(project=stage.project_id, encoder=encoder).first()
    if not row:
        return Compared()
    is_known = ScoringRun.objects.filter(
        stage=stage, encoder=encoder, status=Job.Status.SUCCEEDED, finished_at__lte=row.compared_at
    ).exists()
    held_out = Prompt.objects.filter(project=stage.project_id, split=HELD_OUT).count()
    lacking = max(held_out - row.held_out, 0)
    if not row.found:
        return Compared(lacking=lacking, is_known=is_known)
    pairs = row.pairs.filter(learned__in=learned, held_out__set_aside__isnull=True)
    nearest = pairs.select_related("learned", "held_out").order_by("-cosine", "pk")[:SHOWN]
    shown = [NearPair(pair.learned, pair.held_out, pair.cosine) for pair in nearest]
    count = len(shown) if len(shown) < SHOWN else pairs.count()
    # What is not kept may be among them, once all that is kept was seen to.
    is_known = is_known and (bool(shown) or row.found <= MOST_KEPT)
    return Compared(shown, count, lacking, is_known)


def _vectors(project, encoder, splits):
    """(keys of the prompts, matrix of their vectors, a row each)"""
    embedded = PromptEmbedding.objects.filter(
        encoder=encoder, prompt__project=project, prompt__split__in=splits
    )
    rows = list(embedded.order_by("prompt").values_list("prompt", "vector"))
    vectors = [from_bytes(vector) for _, vector in rows]
    return [key for key, _ in rows], np.stack(vectors) if rows else np.empty((0, encoder.dimension), "<f4")


def _nearest(asked, learned):
    """[(cosine, key of the learned, key of the held-out)] of every pair above NEAR, the nearest first."""
    (asked_keys, asked_vectors), (learned_keys, learned_vectors) = asked, learned
    found = []
    for start in range(0, len(asked_keys), BLOCK):
        cosines = asked_vectors[start : start + BLOCK] @ learned_vectors.T
        for row, column in zip(*np.nonzero(cosines > NEAR), strict=True):
            pair = learned_keys[column], asked_keys[start + row]
            found.append((min(float(cosines[row, column]), 1.0), *pair))
    return sorted(found, key=lambda pair: (-pair[0], *pair[1:]))


def _same_talk(pairs):
    """The pairs whose messages before the question say the same, but for the system's: alone, a question that ends a
    talk, such as “Are you sure?”, tells nothing."""
    keys = {key for _, *both in pairs for key in both}
    talk = {}
    ordered = sorted(keys)
    for start in range(0, len(ordered), BATCH):
        prompts = list(Prompt.objects.filter(pk__in=ordered[start : start + BATCH], earlier_count__gt=0))
        load_earlier(prompts)
        talk |= {
            prompt.pk: [folded(each.text) for each in prompt.earlier if each.role != SYSTEM]
            for prompt in prompts
        }
    return [pair for pair in pairs if talk.get(pair[1], []) == talk.get(pair[2], [])]
