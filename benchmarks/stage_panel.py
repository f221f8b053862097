"""What the admin's view of a stage costs: its counts, and the agreement of its experts.

    .venv/bin/python benchmarks/stage_panel.py [--ratings 1000000] [--database sqlite|postgres]

Fills a stage with finished responses of three ratings each by plain SQL and times `stage_progress` (asked at
every look) and `stage_agreement` (asked anew only when a hundredth more responses are finished).
"""

import time

from filling import K, benchmark, make_rated_stage


def run(options):
    from annotation.progress import stage_progress
    from annotation.stage_agreement import stage_agreement

    stage, _ = make_rated_stage(options.ratings // K)
    print(f"{options.database}, {options.ratings:,} ratings of {options.ratings // K:,} responses")
    for name, work in (
        ("stage_progress", lambda: stage_progress(stage)),
        ("stage_agreement, anew", lambda: stage_agreement(stage)),
        ("stage_agreement, kept", lambda: stage_agreement(stage)),
    ):
        begin = time.perf_counter()
        result = work()
        print(f"{name:<24}{1000 * (time.perf_counter() - begin):10.0f} ms")
    print(result)


if __name__ == "__main__":
    benchmark(run, __doc__, ratings=1_000_000)
