"""What the next response and a submit cost, by number of responses and by how far the expert has come.

    .venv/bin/python benchmarks/hand_out.py [--sizes 1000 100000] [--database sqlite|postgres] [--rounds 200]

Calls the use cases (`next_assignment`, `submit_rating`) in one process on a database of its own, k = 3, with
the product's own durability settings. "ahead": the expert has rated the first nine tenths of the stage before
anyone else began. Prints milliseconds, median and 95th percentile, and the plan of the hand-out's query.
"""

import time
import uuid

from filling import K, benchmark, make_stage, run_all


def run(options):
    print(f"{options.database}, k = {K}, {options.rounds} rounds a cell, milliseconds p50 / p95\n")
    print(f"{'responses':>10}  {'expert':<9}{'next':>16}{'submit':>16}{'both':>16}{'first next':>13}")
    plans = {}
    for size in options.sizes:
        stage, people = make_stage(size, experts=K + 2)
        for where in ("start", "ahead"):
            expert = people.pop()
            if where == "ahead":
                put_ahead(stage, expert)
            first, nexts, submits = rate(stage, expert, options.rounds)
            both = [one + other for one, other in zip(nexts, submits, strict=True)]
            cells = "".join(
                f"{quantile(times, 0.5):8.1f} /{quantile(times, 0.95):6.1f}"
                for times in (nexts, submits, both)
            )
            print(f"{size:>10,}  {where:<9}{cells}{first:13.1f}", flush=True)
            plans[size, where] = plan(stage, expert)
    (size, where), text = list(plans.items())[-1]
    print(f"\nThe hand-out's query at {size:,} responses, expert {where}:\n{text}")


def put_ahead(stage, expert):
    """As if the expert had rated the first nine tenths: their slots and involvements, written at once."""
    from django.utils import timezone

    from annotation.models import Assignment, Involvement, QueueCursor, Response

    positions = Response.objects.filter(stage=stage).order_by("position").values_list("position", flat=True)
    border = positions[positions.count() * 9 // 10]
    run_all(
        f"UPDATE {Assignment._meta.db_table} SET status = 'submitted', expert_id = {expert.pk} "
        f"WHERE stage_id = {stage.pk} AND slot = 1 AND position < {border} AND status = 'open'",
        f"INSERT INTO {Involvement._meta.db_table} (response_id, user_id, part, reason, created_at) "
        f"SELECT response_id, expert_id, 'rated', '', '{timezone.now().isoformat()}' "
        f"FROM {Assignment._meta.db_table} WHERE stage_id = {stage.pk} AND expert_id = {expert.pk} "
        f"AND position < {border}",
        "ANALYZE",
    )
    QueueCursor.objects.update_or_create(stage=stage, expert=expert, defaults={"position": border})


def rate(stage, expert, rounds):
    from django.utils import timezone

    from annotation.assignment import next_assignment
    from annotation.rating import submit_rating

    scores = {"safety": 4, "helpfulness": 4, "relevance": 4}
    nexts, submits = [], []
    for _ in range(min(rounds, stage.responses.count() // 10 - 1) + 1):
        begin = time.perf_counter()
        slot = next_assignment(stage=stage, expert=expert, now=timezone.now())
        got = time.perf_counter()
        submit_rating(
            assignment=slot,
            by=expert,
            scores=scores,
            labels={"verdict": "aligned"},
            submission=uuid.uuid4(),
            now=timezone.now(),
        )
        nexts.append(1000 * (got - begin))
        submits.append(1000 * (time.perf_counter() - got))
    return nexts[0], nexts[1:], submits[1:]


def plan(stage, expert):
    """How the database finds the expert's next response: by far the longest statement of the use case."""
    from django.db import connection
    from django.utils import timezone

    from annotation.assignment import next_assignment

    captured = []

    def capture(execute, sql, params, many, context):
        captured.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(capture):
        next_assignment(stage=stage, expert=expert, now=timezone.now())
    sql, params = max(captured, key=lambda each: len(each[0]))
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN (COSTS OFF) "
    with connection.cursor() as cursor:
        cursor.execute(explain + sql, params)
        return "\n".join("  " + str(row[-1]) for row in cursor.fetchall())


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


if __name__ == "__main__":
    benchmark(run, __doc__, sizes=[1_000, 100_000], rounds=200)
