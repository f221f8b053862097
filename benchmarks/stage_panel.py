"""What the admin's view of a stage costs: its counts, and the agreement of its experts.

    .venv/bin/python benchmarks/stage_panel.py [--ratings 1000000] [--database sqlite|postgres]

Fills a stage with finished responses of three ratings each by plain SQL and times `stage_progress` (asked at
every look) and `stage_agreement` (asked anew only when a hundredth more responses are finished).
"""

import argparse
import tempfile
import time
from pathlib import Path

from hand_out import K, analyze, set_up

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
    from django.db import connection
    from django.utils import timezone

    from core.models import Membership, ModelVersion, User
    from core.projects import add_member, create_project
    from core.stages import open_stage

    now = timezone.now()
    project = create_project(name="Bench", by=None, now=now)
    experts = [User.objects.create(username=f"bench-{number}") for number in range(EXPERTS)]
    for expert in experts:
        add_member(project=project, user=expert, role=Membership.Role.EXPERT, by=None, now=now)
    model = ModelVersion.objects.create(project=project, name="m", created_at=now)
    stage = open_stage(project=project, model_version=model, by=None, now=now)
    axes = list(stage.policy.rubric.axes.values_list("pk", flat=True))
    verdict = stage.policy.rubric.label_sets.get(key="verdict")
    values = list(verdict.values.values_list("pk", flat=True))
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {responses})"
    first, at = experts[0].pk, f"'{now.isoformat()}'"
    uuid_of = (
        "lpad(CAST(i * 10 + s AS text), 32, '0')"
        if connection.vendor == "postgresql"
        else ("substr('00000000000000000000000000000000' || (i * 10 + s), -32)")
    )
    as_uuid = f"CAST({uuid_of} AS uuid)" if connection.vendor == "postgresql" else uuid_of
    slots = "(SELECT 0 AS s UNION ALL SELECT 1 UNION ALL SELECT 2) slots"
    false = "FALSE" if connection.vendor == "postgresql" else "0"
    statements = [
        f"INSERT INTO annotation_prompt (id, project_id, external_id, position, text, text_sha256, split, "
        f"reference, created_at) {numbers} SELECT i, {project.pk}, 'p' || i, i, 'Prompt ' || i, 'h' || i, "
        f"'train', '', {at} FROM n",
        f"INSERT INTO annotation_response (id, stage_id, prompt_id, model_version_id, candidate, position, text, "
        f"status, finish_reason, created_at) SELECT id, {stage.pk}, id, {model.pk}, 0, position, 'Answer', "
        f"'agreed', '', {at} FROM annotation_prompt",
        f"INSERT INTO annotation_assignment (id, response_id, slot, stage_id, position, status, expert_id) "
        f"SELECT i * 3 + s, i, s + 1, {stage.pk}, i, 'submitted', {first} + (i + s) % {EXPERTS} FROM "
        f"(SELECT id AS i FROM annotation_response) r, {slots}",
        f"INSERT INTO annotation_rating (id, assignment_id, response_id, expert_id, policy_id, comment, "
        f"revised_response, asks_senior, submission, submitted_at) SELECT i * 3 + s, i * 3 + s, i, "
        f"{first} + (i + s) % {EXPERTS}, {stage.policy_id}, '', '', {false}, {as_uuid}, {at} "
        f"FROM (SELECT id AS i FROM annotation_response) r, {slots}",
        f"INSERT INTO annotation_ratinglabel (rating_id, label_set_id, value_id) SELECT id, {verdict.pk}, "
        f"CASE WHEN (id * 7919) % 11 = 0 THEN {values[1]} ELSE {values[0]} END FROM annotation_rating",
    ]
    statements += [
        f"INSERT INTO annotation_ratingscore (rating_id, axis_id, value) SELECT id, {axis}, "
        f"1 + ((response_id * 31 + {place}) % 5 + (id * 104729) % 7 / 6) % 5 FROM annotation_rating"
        for place, axis in enumerate(axes)
    ]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    analyze()
    return stage


if __name__ == "__main__":
    main()
