"""What the admin's view of a stage costs: its counts, and the agreement of its experts.

    .venv/bin/python benchmarks/stage_panel.py [--ratings 1000000] [--database sqlite|postgres]

Fills a stage with finished responses of three ratings each by plain SQL and times `stage_progress` (asked at
every look) and `stage_agreement` (asked anew only when a hundredth more responses are finished).
"""

import argparse
import tempfile
import time
from pathlib import Path

from filling import K, make_stage, run_all, set_up

EXPERTS = 12


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as folder:
        server = set_up(Path(folder), options.database)
        try:
            run(options)
        finally:
            if server:
                server.stop()


def run(options):
    from annotation.progress import stage_progress
    from annotation.stage_agreement import stage_agreement

    stage = fill(options.ratings // K)
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


def fill(responses):
    """Every slot submitted, every response agreed, with scores and verdicts that vary."""
    from django.db import connection

    stage, experts = make_stage(responses, experts=EXPERTS)
    axes = list(stage.policy.rubric.axes.values_list("pk", flat=True))
    verdict = stage.policy.rubric.label_sets.get(key="verdict")
    aligned, misaligned = verdict.values.values_list("pk", flat=True)
    on_postgres = connection.vendor == "postgresql"
    submission = (
        "CAST(lpad(CAST(id AS text), 32, '0') AS uuid)"
        if on_postgres
        else "substr('00000000000000000000000000000000' || id, -32)"
    )
    noise = "((response_id * CAST(7919 AS bigint) + expert_id * 104729) % 1009)"
    run_all(
        f"UPDATE annotation_assignment SET status = 'submitted', "
        f"expert_id = {experts[0].pk} + (response_id + slot) % {EXPERTS}",
        "UPDATE annotation_response SET status = 'agreed'",
        f"INSERT INTO annotation_rating (assignment_id, response_id, expert_id, policy_id, comment, "
        f"revised_response, asks_senior, submission, submitted_at) SELECT id, response_id, expert_id, "
        f"{stage.policy_id}, '', '', {'FALSE' if on_postgres else 0}, {submission}, "
        f"'{stage.created_at.isoformat()}' FROM annotation_assignment",
        f"INSERT INTO annotation_ratinglabel (rating_id, label_set_id, value_id) SELECT id, {verdict.pk}, "
        f"CASE WHEN {noise} % 11 = 0 THEN {misaligned} ELSE {aligned} END FROM annotation_rating ORDER BY id",
        # The scores of a rating lie side by side, as when it was submitted.
        f"INSERT INTO annotation_ratingscore (rating_id, axis_id, value) SELECT rating.id, axis.id, "
        f"1 + ((response_id * 31 + axis.id) % 5 + {noise} % 7 / 6) % 5 FROM annotation_rating rating, "
        f"core_axis axis WHERE axis.id IN ({', '.join(map(str, axes))}) ORDER BY rating.id, axis.id",
        "ANALYZE",
    )
    return stage


if __name__ == "__main__":
    main()
