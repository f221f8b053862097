"""How often the report's intervals hold the truth, and how often its test finds a change where there is none.

    .venv/bin/python benchmarks/coverage.py [--rounds 2000] > docs/coverage.md

Draws prompts with a difficulty of their own, one or two candidates each, three experts with noise, and a final score
that is their mean; and classes that come together within a prompt. Takes a quarter of an hour; the same rounds and seed
give the same table.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from annotation.agreement import alpha_interval, krippendorff_alpha
from evaluation.seeds import difference_over_seeds
from evaluation.statistics import estimate, interval_of_difference, sign_flip_p

PROMPTS = (20, 30, 100, 200)
CANDIDATES = (1, 2)
EXPERTS = 3
OF_PROMPT, OF_ANSWER = 0.6, 0.5
NOISE = np.sqrt(1 - OF_PROMPT**2 - OF_ANSWER**2)
SCALES = {
    "near the ceiling (mean 4.9)": (-3.2, -2.9, -2.6, -1.55),
    "high (4.6)": (-2.6, -2.2, -1.6, -0.55),
    "in the middle (3.1)": (-1.2, -0.5, 0.3, 1.1),
    "at both ends (3.4)": (-1.3, -0.1, 0.0, 0.1),
}
SHARES = (0.02, 0.06, 0.12, 0.27, 0.58, 0.85, 0.98)
CHANGES = (("high (4.6)", "near the ceiling (mean 4.9)"), ("in the middle (3.1)", "high (4.6)"))
SHARE_CHANGES = ((0.27, 0.12), (0.12, 0.06), (0.06, 0.01), (0.58, 0.85))
LIKERT = {"lowest": 1, "highest": 5}
# A test by permutations takes so much longer than an interval, and drawing everything anew longer still.
FEWER, FEWEST = 4, 10
SEEDS, SEEDED_PROMPTS = (3, 5), (30, 100)
SPREADS = (0.0, 0.1, 0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2_000)
    parser.add_argument("--redrawn", action="store_true", help="the tables of what is drawn anew alone")
    options = parser.parse_args()
    if not options.redrawn:
        print_intervals(options.rounds)
    print_redrawn(options.rounds // FEWEST)


def print_intervals(rounds):
    draw = np.random.default_rng(20261125)
    print("# What the intervals cover\n")
    print(
        f"By `benchmarks/coverage.py --rounds {rounds}`: the share of rounds, in percent, in which a 95 % interval "
        "holds the true figure, for one and for two candidates a prompt, k = 3. Chance moves these figures by a point "
        "either way; those of shares with one candidate are exact. Hits are whole numbers, so the intervals of shares "
        f"cannot hold 95 % everywhere. The last table is the share of {rounds // FEWER} rounds in which a change is "
        "called significant at 5 % where there is none; chance moves it by two points.\n"
    )
    table("Mean rating", SCALES, lambda name, n, c: means(draw, SCALES[name], n, c, rounds))
    table("Share of responses", SHARES, lambda share, n, c: shares(draw, share, n, c, rounds))
    table(
        "Change of a mean rating",
        CHANGES,
        lambda pair, n, c: changes(draw, *(SCALES[name] for name in pair), n, c, rounds),
    )
    table("Change of a share", SHARE_CHANGES, lambda pair, n, c: share_changes(draw, *pair, n, c, rounds))
    table(
        "No change, called significant",
        SCALES,
        lambda name, n, c: false_alarms(draw, SCALES[name], n, c, rounds // FEWER),
    )


def print_redrawn(rounds):
    """What has its interval by drawing anew: the change between methods with several seeds, and α."""
    draw = np.random.default_rng(33)
    cells = [(seeds, n) for seeds in SEEDS for n in SEEDED_PROMPTS]
    head = [f"{seeds} seeds, {n} prompts" for seeds, n in cells]
    found = {spread: [seeded(draw, spread, seeds, n, rounds) for seeds, n in cells] for spread in SPREADS}
    print(f"In the tables below a cell is of {rounds} rounds, and chance moves it by three points.\n")
    names = {spread: f"runs differ by {spread} points (standard deviation)" for spread in SPREADS}
    print_table(
        "Change between a model and a method trained with several seeds",
        head,
        {names[spread]: [100 * each[0] for each in found[spread]] for spread in SPREADS},
    )
    print_table(
        "No change between them, called significant",
        head,
        {names[spread]: [100 * each[1] for each in found[spread]] for spread in SPREADS},
    )
    print_table(
        "Krippendorff’s α",
        [f"{n} responses" for n in SEEDED_PROMPTS],
        {
            name: [100 * alphas(draw, steps, n, rounds) for n in SEEDED_PROMPTS]
            for name, steps in SCALES.items()
        },
    )


def seeded(draw, spread, seeds, n, rounds):
    """(share of rounds whose interval holds the true change, 0; share called significant)."""
    held = alarms = 0
    for number in range(rounds):
        hard = OF_PROMPT * draw.standard_normal((1, n))
        runs = np.vstack([np.zeros((1, 1)), spread * draw.standard_normal((seeds, 1))])
        quality = 3 + runs + hard + OF_ANSWER * draw.standard_normal((seeds + 1, n))
        heard = quality[..., None] + NOISE * draw.standard_normal((seeds + 1, n, EXPERTS))
        rated = np.clip(np.round(heard), 1, 5).mean(axis=-1)
        found = difference_over_seeds(rated[:1], rated[1:], **LIKERT, seed=number)
        held += found.low <= 0 <= found.high
        alarms += found.p < 0.05
    return held / rounds, alarms / rounds


def alphas(draw, steps, n, rounds):
    def counts(responses):
        quality = answers(draw, responses, 1, difficulties(draw, responses, 1), 1)[0, :, 0]
        heard = quality[:, None] + NOISE * draw.standard_normal((responses, EXPERTS))
        points = np.searchsorted(steps, heard)
        return np.stack([(points == point).sum(axis=1) for point in range(len(steps) + 1)], axis=1)

    truth = krippendorff_alpha(counts(200_000), "ordinal")
    found = [alpha_interval(counts(n), "ordinal") for _ in range(rounds)]
    return covered([each for each in found if each[0] is not None], truth)


def print_table(title, head, rows):
    print(f"## {title}\n")
    print("| |" + "".join(f" {name} |" for name in head))
    print("|---|" + "---|" * len(head))
    for name, cells in rows.items():
        print(f"| {name} |" + "".join(f" {cell:.1f} |" for cell in cells), flush=True)
    print()


def table(title, rows, measure):
    print(f"## {title}\n")
    cells = [(n, c) for c in CANDIDATES for n in PROMPTS]
    print("| |" + "".join(f" {n} prompts{', two each' if c == 2 else ''} |" for n, c in cells))
    print("|---|" + "---|" * len(cells))
    for row in rows:
        name = " → ".join(map(str, row)) if isinstance(row, tuple) else str(row)
        print(f"| {name} |" + "".join(f" {100 * measure(row, n, c):.1f} |" for n, c in cells), flush=True)
    print()


def answers(draw, n, candidates, difficulty, rounds):
    """What stands behind the answers to each prompt: (rounds, prompts, candidates), normal with variance 1 − NOISE²."""
    return difficulty + OF_ANSWER * draw.standard_normal((rounds, n, candidates))


def difficulties(draw, n, rounds):
    return OF_PROMPT * draw.standard_normal((rounds, n, 1))


def scores(draw, quality, steps):
    """Final scores: the mean of three experts' points from 1 to 5."""
    heard = quality[..., None] + NOISE * draw.standard_normal((*quality.shape, EXPERTS))
    return (1 + np.searchsorted(steps, heard)).mean(axis=-1)


def true_mean(steps):
    return 1 + sum(stats.norm.sf(step) for step in steps)


def hits(quality, share):
    return (quality < stats.norm.ppf(share) * np.sqrt(1 - NOISE**2)).astype(float)


def means(draw, steps, n, candidates, rounds):
    drawn = scores(draw, answers(draw, n, candidates, difficulties(draw, n, rounds), rounds), steps)
    found = [estimate(each.sum(1), [candidates] * n, **LIKERT) for each in drawn]
    return covered([(each.low, each.high) for each in found], true_mean(steps))


def shares(draw, share, n, candidates, rounds):
    if candidates == 1:
        found = [estimate([1] * hits + [0] * (n - hits), [1] * n) for hits in range(n + 1)]
        chances = stats.binom.pmf(range(n + 1), n, share)
        return sum(
            chance for each, chance in zip(found, chances, strict=True) if each.low <= share <= each.high
        )
    drawn = hits(answers(draw, n, candidates, difficulties(draw, n, rounds), rounds), share)
    found = [estimate(each.sum(1), [candidates] * n) for each in drawn]
    return covered([(each.low, each.high) for each in found], share)


def changes(draw, before, after, n, candidates, rounds):
    hard = difficulties(draw, n, rounds)
    pairs = zip(
        *(
            scores(draw, answers(draw, n, candidates, hard, rounds), steps).mean(2)
            for steps in (before, after)
        ),
        strict=True,
    )
    found = [interval_of_difference(*pair, **LIKERT) for pair in pairs]
    return covered(found, true_mean(after) - true_mean(before))


def share_changes(draw, before, after, n, candidates, rounds):
    hard = difficulties(draw, n, rounds)
    pairs = zip(
        *(hits(answers(draw, n, candidates, hard, rounds), share).mean(2) for share in (before, after)),
        strict=True,
    )
    found = [interval_of_difference(*pair, lowest=0, highest=1) for pair in pairs]
    return covered(found, after - before)


def false_alarms(draw, steps, n, candidates, rounds):
    hard = difficulties(draw, n, rounds)
    drawn = [scores(draw, answers(draw, n, candidates, hard, rounds), steps).mean(2) for _ in range(2)]
    return np.mean([sign_flip_p(after - before, seed=0) < 0.05 for before, after in zip(*drawn, strict=True)])


def covered(intervals, truth):
    return np.mean([low - 1e-9 <= truth <= high + 1e-9 for low, high in intervals])


if __name__ == "__main__":
    main()
