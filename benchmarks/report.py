"""What the report costs: its statistics over two turns of held-out responses, each with three ratings on three axes.

.venv/bin/python benchmarks/report.py [--responses 100000] [--database sqlite|postgres]
"""

import time

from filling import K, benchmark


def run(options):
    from evaluation.reports import as_json, build_report
    from tests.factories.core import make_project
    from tests.factories.evaluation import make_labeled_stage, score_stage

    team = make_project(experts=K)
    each = options.responses // 2
    for shift in (0, 1):
        scores = [1 + (place * 7 + place // 5) % (4 + shift) for place in range(each)]
        stage = make_labeled_stage(team.project, scores, raters=team.experts)
        score_stage(stage, [0.2 + (place % 60) / 100 for place in range(each)], refusals=range(0, each, 20))
    print(f"{options.database}, {options.responses:,} responses, {K * options.responses:,} ratings on 3 axes")
    for name in ("the report, first", "the report, again"):
        begin = time.perf_counter()
        report = as_json(build_report(team.project))
        print(f"{name:<24}{time.perf_counter() - begin:10.2f} s")
    print(report["comparisons"][0]["changes"][0]["verdict"])


if __name__ == "__main__":
    benchmark(run, __doc__, responses=100_000)
