"""How responses are drawn: the settings of a generation, and the seed of each response."""

import hashlib

from annotation.models import Sampling

SEED_BITS = 48
MAY_CHANGE = {"batch_size", "max_new_tokens", "precision"}
"""What a generation can be launched again with once some prompts are answered: how it runs, not what it draws."""


def default_sampling():
    """The sampling of generations that don't name one."""
    sampling, _ = Sampling.objects.get_or_create(**sampling_fields(Sampling()))
    return sampling


def sampling_fields(sampling):
    """The parameters of a Sampling as a dict: what makes it the setting it is."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_new_tokens": sampling.max_new_tokens,
        "repetition_penalty": sampling.repetition_penalty,
        "batch_size": sampling.batch_size,
        "system_prompt": sampling.system_prompt,
    }


def response_seed(run_seed, prompt, candidate=0):
    """The seed of one response, a number of 48 bits: the first bytes of sha256("seed:prompt id:candidate").

    Depends neither on the stage nor on the order of prompts, so a prompt meets the same chance in every stage.
    """
    digest = hashlib.sha256(f"{run_seed}:{prompt.external_id}:{candidate}".encode()).digest()
    return int.from_bytes(digest[: SEED_BITS // 8])
