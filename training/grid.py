"""PURE. The trials of a run group: every combination of a few settings, each trained once with every seed."""

import random
from itertools import product
from math import prod

GRID = ("learning_rate", "epochs", "batch_size", "lora_rank")
"""The settings that may differ between the trials of a group, in the order in which trials are counted."""
USUAL_SEEDS = 3
"""Fewer seeds say nothing about how far a result rests on chance."""
MOST_RUNS = 30
LARGEST_DRAWN = 2**31


def draw_seeds(seed, count=USUAL_SEEDS):
    """That many different training seeds, drawn from a project's `seed`; a larger `count` begins with the same ones."""
    return random.Random(seed).sample(range(LARGEST_DRAWN), count)


def expand(values):
    """Every combination of {setting of GRID: its values}, as dicts, the last setting changing first."""
    names = [setting for setting in GRID if setting in values]
    return [dict(zip(names, chosen, strict=True)) for chosen in product(*(values[name] for name in names))]


def runs_of(seeds, values):
    """How many runs a group with these seeds and values has."""
    return len(seeds) * prod(map(len, values.values()))


def faults_of(seeds, values):
    """What is wrong with the seeds and the values of a group, in sentences that say what to do."""
    faults = []
    if not seeds:
        faults.append("Give at least one seed.")
    if len(set(seeds)) < len(seeds):
        faults.append("Give every seed once: the same seed trains the same model again.")
    for setting, given in values.items():
        name = setting.replace("_", " ").replace("lora", "LoRA")
        if not given:
            faults.append(f"Give at least one value for the {name}.")
        elif len(set(given)) < len(given):
            faults.append(f"Give every value for the {name} once.")
    runs = runs_of(seeds, values)
    if runs > MOST_RUNS:
        faults.append(
            f"These are {runs:,} runs, and a group has at most {MOST_RUNS}: give fewer values or fewer seeds."
        )
    elif runs == 1:
        faults.append("This is a single run: give more seeds or values, or launch it as one run.")
    return faults
