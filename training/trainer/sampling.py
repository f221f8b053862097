"""Drawing tokens so that a row's text depends on its own seed alone, not on who shares its batch.

transformers draws a whole batch from one random stream, so the same seed gives other texts in another order.
Here every row has its own stream and draws by the Gumbel-max trick: argmax over v of log p(v) + g(v), with g
standard Gumbel, is a sample from p (Gumbel 1954; Maddison et al., "A* sampling", NeurIPS 2014). The noise is
tied to the token id, so a rounding difference in the logits changes the choice only where two candidates
nearly tie. Sorting the whole vocabulary for top-p, as transformers does, would cost more than the model here, so
only as many top tokens are looked at as the nucleus needs.
"""

import hashlib

import torch
from transformers import LogitsProcessor

FIRST_LOOK = 128
"""How many top tokens are tried first; a nucleus that is larger is looked for among all."""


def row_seed(seed, row_id):
    """A 32-bit seed (all that torch's CPU generator takes) from any integer or text and the row's id."""
    digest = hashlib.sha256(f"{seed}\0{row_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def nucleus(scores, top_p):
    """(ids, log-probabilities) of each row's nucleus, most likely first; outside it the value is −inf.

    The nucleus is the smallest set of top tokens that holds at least `top_p` of the probability (Holtzman et
    al. 2020), as in transformers' TopPLogitsWarper. scores: (rows, vocabulary) float32, after temperature.
    The log-probabilities are not renormalised, which an argmax doesn't need.
    """
    total = scores.logsumexp(-1, keepdim=True)
    vocabulary = scores.shape[-1]
    for size in (min(FIRST_LOOK, vocabulary), vocabulary):
        values, ids = scores.topk(size, dim=-1)
        logs = values - total
        before = logs.exp().cumsum(-1).roll(1, -1)
        before[:, 0] = 0.0
        if size == vocabulary or bool((before[:, -1] >= top_p).all()):
            return ids, logs.masked_fill(before >= top_p, -torch.inf)


class RowSampler(LogitsProcessor):
    """The last logits processor of a *greedy* generate(): leaves each row the one token it draws.

    `seeds`: one a row, from row_seed. temperature 0 is greedy. Streams run on the CPU, so that every device draws
    the same noise.
    """

    def __init__(self, seeds, *, temperature, top_p):
        self.temperature, self.top_p = temperature, top_p
        self.streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids, scores):
        if self.temperature == 0:
            return scores
        scores = scores.float() / self.temperature
        uniform = torch.empty(scores.shape, dtype=torch.float32)
        for row, stream in zip(uniform, self.streams, strict=True):
            row.uniform_(generator=stream)
        uniform = uniform.to(scores.device)
        if self.top_p < 1:
            ids, logs = nucleus(scores, self.top_p)
            uniform = uniform.gather(1, ids)
        else:
            ids, logs = None, scores
        # Away from 0, where the noise would be infinite and hide a token for good.
        gumbel = -torch.log(-torch.log(uniform.clamp(min=1e-7, max=1 - 1e-7)))
        choice = (logs + gumbel).argmax(-1, keepdim=True)
        if ids is not None:
            choice = ids.gather(1, choice)
        return torch.full_like(scores, -torch.inf).scatter_(1, choice, 0.0)


class AfterEachToken(LogitsProcessor):
    """Calls a function once a token, so that a long batch still beats and can be stopped."""

    def __init__(self, call):
        self.call = call

    def __call__(self, input_ids, scores):
        self.call()
        return scores
