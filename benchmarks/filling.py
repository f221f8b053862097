"""A database of its own for a benchmark, and a stage of any size in it, filled by plain SQL."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
K = 3
EXPERTS = 12


def benchmark(run, about, databases=("sqlite", "postgres"), **wanted):
    """`run(options)` on a new database, with the command line's options: --database (where there is a choice) and
    those named, each with its default, which says the type; a list takes several."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--database", choices=databases, default=databases[0])
    for name, default in wanted.items():
        several = isinstance(default, list)
        kind = type(default[0] if several else default)
        parser.add_argument(f"--{name}", type=kind, nargs="+" if several else None, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as folder:
        server = set_up(Path(folder), options.database)
        try:
            run(options)
        finally:
            if server:
                server.stop()


def set_up(folder, database):
    """Migrate a new database in `folder` and load Django; returns the PostgreSQL server to stop, if any."""
    folder.chmod(0o711)  # PostgreSQL, when root starts it, runs as somebody else
    os.environ.update(CONCORD_VAR=str(folder / "var"), DJANGO_SETTINGS_MODULE="config.settings", REDIS_URL="")
    os.environ.setdefault("CONCORD_SECRET_KEY", "x" * 50)
    server = None
    if database == "postgres":
        from tests.services import DURABLE, Postgres

        server = Postgres(folder / "postgres", DURABLE).start()
        os.environ["DATABASE_URL"] = server.url
    else:
        os.environ["DATABASE_URL"] = f"sqlite:///{folder}/bench.sqlite3"
    (folder / "var" / "static").mkdir(parents=True)  # or WhiteNoise warns
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return server


def make_stage(size, experts):
    """A project with as many experts and a stage with `size` responses, k open slots each, open for rating."""
    from django.utils import timezone

    from core.models import Membership, ModelVersion, Project, Stage, User
    from core.projects import add_member, create_project
    from core.stages import open_stage
    from core.transitions import transition

    now = timezone.now()
    project = create_project(name=f"Bench {Project.objects.count() + 1}", by=None, now=now)
    people = [User.objects.create(username=f"{project.slug}-{number}") for number in range(experts)]
    for person in people:
        add_member(project=project, user=person, role=Membership.Role.EXPERT, by=None, now=now)
    model = ModelVersion.objects.create(project=project, name="m", created_at=now)
    stage = open_stage(project=project, model_version=model, by=None, now=now)
    at, text = f"'{now.isoformat()}'", "A response of some length. " * 20
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {size})"
    run_all(
        f"INSERT INTO annotation_prompt (project_id, external_id, position, text, digest, split, reference, "
        f"created_at) {numbers} SELECT {project.pk}, 'p' || i, i, 'Prompt ' || i, 'h' || i, 'train', '', {at} FROM n",
        f"INSERT INTO annotation_promptwords (prompt_id, project_id, text) SELECT id, project_id, lower(text) "
        f"FROM annotation_prompt WHERE project_id = {project.pk}",
        # Places drawn without order, as in life: neighbours in the hand-out are no neighbours in the table.
        f"INSERT INTO annotation_response (stage_id, stage_kind, prompt_id, model_version_id, candidate, position, "
        f"text, status, finish_reason, created_at) SELECT {stage.pk}, 'turn', id, {model.pk}, 0, "
        f"(position * CAST(7919 AS bigint)) % 15485863, '{text}', 'awaiting', '', {at} FROM annotation_prompt "
        f"WHERE project_id = {project.pk}",
        f"INSERT INTO annotation_assignment (response_id, slot, stage_id, position, status) "
        f"SELECT id, s, {stage.pk}, position, 'open' FROM annotation_response, "
        f"(SELECT 1 AS s UNION ALL SELECT 2 UNION ALL SELECT 3) slots WHERE stage_id = {stage.pk}",
        "ANALYZE",
    )
    return transition(stage, Stage.Status.RATING, by=None, now=now), people


def make_rated_stage(responses, experts=EXPERTS):
    """A stage and its experts: every slot submitted, every response agreed, with scores and verdicts that vary."""
    stage, people = make_stage(responses, experts)
    rate(stage, people)
    return stage, people


def rate(stage, experts, every=1):
    """k ratings for each response of `stage` whose key `every` divides and that nobody has before them or rated."""
    from django.db import connection

    from core.guidelines import current

    axes = list(stage.policy.rubric.axes.values_list("pk", flat=True))
    verdict = stage.policy.rubric.label_sets.get(key="verdict")
    aligned, misaligned = verdict.values.values_list("pk", flat=True)
    on_postgres = connection.vendor == "postgresql"
    submission = (
        "CAST(lpad(CAST(id AS text), 32, '0') AS uuid)"
        if on_postgres
        else "substr('00000000000000000000000000000000' || id, -32)"
    )
    # Over a hundred days: nobody rates everything today.
    now, ago = f"'{stage.created_at:%Y-%m-%d %H:%M:%S}'", "(id * 7 % 8640000)"
    at = (
        f"TIMESTAMP {now} - {ago} * interval '1 second'"
        if on_postgres
        else f"datetime({now}, -{ago} || ' seconds')"
    )
    noise = "((response_id * CAST(7919 AS bigint) + expert_id * 104729) % 1009)"
    chosen = "(SELECT id FROM chosen)"
    run_all(
        f"CREATE TEMPORARY TABLE chosen AS SELECT id FROM annotation_response WHERE stage_id = {stage.pk} "
        f"AND status = 'awaiting' AND id % {every} = 0 AND NOT EXISTS (SELECT 1 FROM annotation_assignment taken "
        f"WHERE taken.response_id = annotation_response.id AND taken.status <> 'open')",
        "ANALYZE chosen",
        f"UPDATE annotation_assignment SET status = 'submitted', "
        f"expert_id = {experts[0].pk} + (response_id + slot) % {len(experts)} WHERE response_id IN {chosen}",
        f"UPDATE annotation_response SET status = 'agreed' WHERE id IN {chosen}",
        f"INSERT INTO annotation_rating (assignment_id, response_id, expert_id, policy_id, guidelines_id, comment, "
        f"revised_response, asks_senior, submission, submitted_at) SELECT id, response_id, expert_id, "
        f"{stage.policy_id}, {current(stage.project).pk}, '', '', {'FALSE' if on_postgres else 0}, {submission}, "
        f"{at} FROM annotation_assignment WHERE response_id IN {chosen}",
        "ANALYZE annotation_rating",
        f"INSERT INTO annotation_ratinglabel (owner_id, label_set_id, value_id) SELECT id, {verdict.pk}, "
        f"CASE WHEN {noise} % 11 = 0 THEN {misaligned} ELSE {aligned} END FROM annotation_rating "
        f"WHERE response_id IN {chosen} ORDER BY id",
        # The scores of a rating lie side by side, as when it was submitted.
        f"INSERT INTO annotation_ratingscore (owner_id, axis_id, value) SELECT rating.id, axis.id, "
        f"1 + ((response_id * 31 + axis.id) % 5 + {noise} % 7 / 6) % 5 FROM chosen JOIN annotation_rating rating "
        f"ON rating.response_id = chosen.id, core_axis axis WHERE axis.id IN ({', '.join(map(str, axes))}) "
        f"ORDER BY rating.id, axis.id",
        f"INSERT INTO annotation_involvement (response_id, user_id, part, reason, created_at) SELECT response_id, "
        f"expert_id, 'rated', '', submitted_at FROM annotation_rating WHERE response_id IN {chosen}",
        "DROP TABLE chosen",
        "VACUUM ANALYZE" if on_postgres else "ANALYZE",
    )


def session_of(person):
    """The key of a session of a person who has signed in."""
    from django.test import Client

    client = Client()
    client.force_login(person)
    return client.session.session_key


def run_all(*statements):
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # What is filled in here keeps its references by itself: no row is checked against another.
            cursor.execute("SET session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = origin")
