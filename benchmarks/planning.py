"""How the planner's power holds against comparisons that are simulated and tested as the report tests them.

    .venv/bin/python benchmarks/planning.py [--rounds 400]

No database. Scores change by thirds of a point, as three experts' means do; shares are classes of single responses.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from evaluation.planning import power_of_score, power_of_share
from evaluation.statistics import SIGNIFICANCE, mcnemar_p, sign_flip_p

SCORES = ((40, 0.2, 0.7), (100, 0.2, 0.7), (100, 0.3, 1.0), (200, 0.2, 1.0))
SHARES = ((40, 0.15, 0.2), (100, 0.15, 0.15), (100, 0.15, 0.25), (200, 0.06, 0.1))
ENDPOINTS = (1, 7)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=400)
    rounds = parser.parse_args().rounds
    draw = np.random.default_rng(20261125)
    print(
        "| endpoint | prompts | difference | spread | tests | planned | found |\n|---|---|---|---|---|---|---|"
    )
    for prompts, wanted, spread in SCORES:
        for endpoints in ENDPOINTS:
            planned = power_of_score(wanted, spread=spread, prompts=prompts, endpoints=endpoints)
            found = np.mean(
                [
                    sign_flip_p(score_changes(draw, prompts, wanted, spread), seed=seed)
                    < SIGNIFICANCE / endpoints
                    for seed in range(rounds)
                ]
            )
            show("score", prompts, wanted, spread, endpoints, planned, found)
    for prompts, wanted, changing in SHARES:
        for endpoints in ENDPOINTS:
            planned = power_of_share(wanted, spread=changing, prompts=prompts, endpoints=endpoints)
            better = (changing + wanted) / 2
            chances = [changing - better, 1 - changing, better]
            found = np.mean(
                [
                    mcnemar_p(change == -1, change == 1) < SIGNIFICANCE / endpoints
                    for change in draw.choice([-1, 0, 1], (rounds, prompts), p=chances)
                ]
            )
            show("share", prompts, wanted, changing, endpoints, planned, found)


def score_changes(draw, prompts, wanted, spread):
    """Changes in thirds of a point with that mean and standard deviation."""
    drawn = draw.normal(wanted, np.sqrt(spread**2 - 1 / 108), prompts)
    return np.round(drawn * 3) / 3


def show(kind, prompts, wanted, spread, endpoints, planned, found):
    print(f"| {kind} | {prompts} | {wanted} | {spread} | {endpoints} | {planned:.2f} | {found:.2f} |")


if __name__ == "__main__":
    main()
