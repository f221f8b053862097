"""What every page costs the server in a project of a million ratings.

    .venv/bin/python benchmarks/pages.py [--ratings 1000000] [--database sqlite|postgres] [--rounds 5]

Fills a stage as benchmarks/stage_panel.py does, gives one response in fifty back to the hand-out, and lets one in
forty diverge. Then asks each page, in one process and without a network, as somebody who may see it: milliseconds of
the first answer, of the median and slowest after it, and the number of queries. Pages beyond 100 ms are marked.
"""

import re
import time

from filling import K, benchmark, make_rated_stage, run_all

LIMIT = 100  # milliseconds


def run(options):
    from core.addresses import address_of

    stage, experts = make_rated_stage(options.ratings // K)
    give_back_one_in_fifty(stage)
    diverge_one_in_forty(stage)
    lead, admin = add_staff(stage.project)
    expert = experts[0]
    print(
        f"{options.database}, {options.ratings:,} ratings of {options.ratings // K:,} responses, milliseconds"
    )
    print(f"{'page':<44}{'first':>8}{'p50':>8}{'most':>8}{'queries':>9}")
    room = f"/projects/{stage.project.slug}/"
    rated = address_of(expert.ratings.first())
    for person, *paths in (
        (expert, room, f"{room}rate/", f"{room}ratings/", f"{room}ratings/{rated}/", f"{room}guidelines/"),
        (lead, room, f"{room}arbitrate/", f"{room}arbitrate/decisions/", f"{room}arbitrate/revisions/"),
        (lead, *case_of(lead, stage), f"{room}report/"),
        (admin, "/projects/", room, f"{room}setup/", f"{room}prompts/", f"{room}models/", f"{room}stages/0/"),
        (admin, f"{room}stages/0/ratings/", f"{room}stages/0/arbitration/", f"{room}stages/0/training/"),
        (admin, f"{room}stages/0/coherence/", f"{room}stages/0/agreement/"),
    ):
        for path in paths:
            ask(person, path, options.rounds)


def give_back_one_in_fifty(stage):
    """As if nobody had come to them yet."""
    chosen = f"SELECT id FROM annotation_response WHERE stage_id = {stage.pk} AND id % 50 = 7"
    ratings = f"SELECT id FROM annotation_rating WHERE response_id IN ({chosen})"
    run_all(
        *(
            f"DELETE FROM annotation_{table} WHERE owner_id IN ({ratings})"
            for table in ("ratingscore", "ratinglabel")
        ),
        f"DELETE FROM annotation_rating WHERE response_id IN ({chosen})",
        f"DELETE FROM annotation_involvement WHERE response_id IN ({chosen})",
        f"UPDATE annotation_assignment SET status = 'open', expert_id = NULL WHERE response_id IN ({chosen})",
        f"UPDATE annotation_response SET status = 'awaiting' WHERE id IN ({chosen})",
    )


def diverge_one_in_forty(stage):
    """With one reason each, a spread on the first axis."""
    axis = stage.policy.rubric.axes.first().pk
    chosen = f"annotation_response WHERE stage_id = {stage.pk} AND status = 'agreed' AND id % 40 = 3"
    run_all(
        f"INSERT INTO annotation_divergence (response_id, policy_id, adverse, spread, asked, ratings_needed, "
        f"created_at) SELECT id, {stage.policy_id}, id % 3 = 0, 2 + id % 3, id % 7 = 0, {K}, created_at FROM {chosen}",
        f"INSERT INTO annotation_divergencereason (divergence_id, kind, axis_id, spread, tau, note) SELECT id, "
        f"'spread', {axis}, spread, 1, '' FROM annotation_divergence",
        "INSERT INTO annotation_divergence_ratings (divergence_id, rating_id) SELECT divergence.id, rating.id FROM "
        "annotation_divergence divergence JOIN annotation_rating rating USING (response_id)",
        "UPDATE annotation_response SET status = 'divergent' WHERE id IN "
        "(SELECT response_id FROM annotation_divergence)",
        "ANALYZE",
    )


def add_staff(project):
    from django.utils import timezone

    from core.models import Membership, User
    from core.projects import add_member

    staff = []
    for role in (Membership.Role.LEAD, Membership.Role.ADMIN):
        person = User.objects.create(username=f"bench-{role}", is_staff=role == Membership.Role.ADMIN)
        add_member(project=project, user=person, role=role, by=None, now=timezone.now())
        staff.append(person)
    return staff


def case_of(lead, stage):
    """The address of the case that taking the next one leads to; the time that takes is printed."""
    client = client_of(lead)
    client.get("/projects/")  # loads what the first request of a process loads
    begin = time.perf_counter()
    answer = client.post(f"/projects/{stage.project.slug}/arbitrate/next/")
    row("lead: POST PROJECT/arbitrate/next/", [1000 * (time.perf_counter() - begin)], "")
    return [answer["Location"]]


def ask(person, path, rounds):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, times = client_of(person), []
    for _ in range(rounds + 1):
        with CaptureQueriesContext(connection) as queries:
            begin = time.perf_counter()
            answer = client.get(path)
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            times.append(1000 * (time.perf_counter() - begin))
        if answer.status_code != 200:
            raise SystemExit(f"{path} answers {answer.status_code}: {content[:300]!r}")
    role = person.username.rsplit("-", 1)[-1]
    short = re.sub(r"/projects/[^/]+/", "PROJECT/", path)
    row(f"{'expert' if role.isdigit() else role}: {short}", times, len(queries))


def row(name, times, queries):
    first, *others = times
    others = sorted(others) or times
    slow = "  SLOW" if others[len(others) // 2] > LIMIT else ""
    print(
        f"{name:<44}{first:8.0f}{others[len(others) // 2]:8.0f}{others[-1]:8.0f}{queries:>9}{slow}",
        flush=True,
    )


def client_of(person):
    from django.test import Client

    client = Client(headers={"host": "localhost"})
    client.force_login(person)
    return client


if __name__ == "__main__":
    benchmark(run, __doc__, ratings=1_000_000, rounds=5)
