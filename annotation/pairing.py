"""PURE. Which responses of a comparison are laid side by side, in which order, and which of two stands left."""

import hashlib
import random
from collections import Counter
from itertools import combinations, zip_longest


def draw_pairs(answers, *, seed, per_prompt=None):
    """[(prompt, response, response)] in the order in which they are handed out.

    `answers`: {prompt: {model version: [its responses]}}. Every two versions that answered a prompt make a pair of it,
    their first candidates, their second ones and so on. With `per_prompt` only so many pairs of versions are drawn of a
    prompt: by chance among those that were drawn least of until then, so that all come equally often.

    Prompts come in one order drawn by the seed, again and again until none has a pair left: two pairs of one prompt
    are as far apart as can be. The same seed gives the same pairs whatever the order of `answers`.
    """
    chance = random.Random(f"pairs:{seed}")
    prompts = sorted(answers)
    chance.shuffle(prompts)
    drawn, of_prompts = Counter(), []
    for prompt in prompts:
        versions = answers[prompt]
        among = list(combinations(sorted(versions), 2))
        chance.shuffle(among)
        if per_prompt is not None:
            among = sorted(among, key=lambda two: drawn[two])[:per_prompt]
        drawn.update(among)
        pairs = [two for one, other in among for two in _matched(versions[one], versions[other])]
        chance.shuffle(pairs)
        of_prompts.append([(prompt, *pair) for pair in pairs])
    rounds = zip_longest(*of_prompts)
    return [pair for each in rounds for pair in each if pair is not None]


def stands_left(one, other, *, seed, expert):
    """Which of two responses stands left on an expert's page: by chance, and for them the same whenever they look."""
    drawn = hashlib.sha256(f"left:{seed}:{one}:{other}:{expert}".encode()).digest()
    return one if drawn[0] % 2 else other


def _matched(one, other):
    """The candidates of two versions in turn; those of the one that has fewer come again."""
    times = max(len(one), len(other))
    return [(one[number % len(one)], other[number % len(other)]) for number in range(times)]
