"""What an expert waits for: next, and submit-and-next, beside the least that Django and PostgreSQL would need.

    .venv/bin/python benchmarks/cycles.py [--sizes 1000 100000] [--conditions fresh half] [--seconds 6] [--rounds 3]
        [--alone 40]

Real gunicorn (4 workers with 4 threads) on PostgreSQL with fsync on, over HTTP: first one expert, then 16 at once.
Concord and a floor (benchmarks/floor.py) take turns on one machine, so that whatever else it does hurts both: read the
ratio, then the figures. A cycle is submit-and-next; the floor's is its two requests. "half": every second response has
its ratings already. Statements and processor time are of one request in one process, rendering included.
Ends with 1 unless all is exact: as many ratings as were acknowledged, no response with more than k, none rated twice
by one expert.
"""

import contextlib
import datetime
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import clients
import floor
import psycopg2
from filling import K, benchmark, make_stage, rate, run_all, session_of
from servers import THREADS, WORKERS, served

HERE = Path(__file__).resolve().parent
CLIENTS = 16
CONDITIONS = ["fresh", "half"]
WARM = 5
"""Requests that are not counted, since something is loaded at the first."""
SMALL = 10_000
"""A stage up to this size would be emptied by its first round, so each round has one of its own."""
TEXT = "A response of some length. " * 20
ANSWERS = {"score-safety": "4", "score-helpfulness": "4", "score-relevance": "4", "label-verdict": "aligned"}


class Concord:
    """A stage of Concord, its clients' sessions, and one more expert for the requests of this process."""

    name = "concord"

    def __init__(self, size):
        self.stage, (self.profiled, *self.people) = make_stage(size, CLIENTS + 1)
        self.path = f"/projects/{self.stage.project.slug}/rate/"
        self.tokens = [session_of(person) for person in self.people]

    def half_done(self):
        rate(self.stage, self.people, every=2)

    def ratings(self):
        """Of this stage: how many, the most of one response, the most of one by one expert."""
        return counts(
            "SELECT count(*), max(of_response), max(of_expert) FROM (SELECT count(*) OVER (PARTITION BY response_id) "
            "of_response, count(*) OVER (PARTITION BY response_id, expert_id) of_expert FROM annotation_rating "
            f"WHERE response_id IN (SELECT id FROM annotation_response WHERE stage_id = {self.stage.pk})) each"
        )


class Floor:
    """The same in the floor's tables."""

    name = "floor"
    url = ""
    stages = 0

    def __init__(self, size):
        Floor.stages += 1
        self.stage = Floor.stages
        self.path = f"/stages/{self.stage}/next"
        self.tokens = [f"{number:064}" for number in range(CLIENTS)]
        self.run(floor.FILL, [self.stage, TEXT, size])

    @classmethod
    def set_up(cls, url):
        cls.url = url
        cls.run(floor.TABLES)
        for number in range(CLIENTS):
            cls.run("INSERT INTO expert VALUES (%s, %s)", [number, f"{number:064}"])

    def half_done(self):
        self.run(floor.HALF, [self.stage, self.stage, json.dumps(ANSWERS)])

    @classmethod
    def run(cls, sql, parameters=()):
        with contextlib.closing(psycopg2.connect(cls.url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                cursor.execute("VACUUM ANALYZE")


def counts(sql):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [number or 0 for number in cursor.fetchone()]


def run(options):
    from django.conf import settings

    from tests.services import create_database

    if min(options.sizes) < 6 * options.alone:
        sys.exit("--sizes: at least six responses for each request of the expert alone (--alone).")
    Floor.set_up(create_database(settings.DATABASE_URL, "floor"))
    print(
        f"{datetime.date.today()}, {os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[0]:.1f}; "
        f"PostgreSQL with fsync on; gunicorn {WORKERS} × {THREADS}; {CLIENTS} experts; "
        f"{options.rounds} rounds of {options.seconds:g} s each in turn; milliseconds are p50 / p95"
    )
    rates, exact = {}, True
    with (
        served("concord", "config.wsgi:application", settings.DATABASE_URL) as concord,
        served("floor", "floor:make_application()", Floor.url) as bare,
    ):
        servers = {Concord: concord, Floor: bare}
        for size in sorted(options.sizes):
            pairs = []
            for condition in (each for each in CONDITIONS if each in options.conditions):
                begin = time.perf_counter()
                if size <= SMALL or not pairs:
                    needed = options.rounds if size <= SMALL else 1
                    pairs = [(Concord(size), Floor(size)) for _ in range(needed)]
                if condition == "half":
                    for stage in itertools.chain(*pairs):
                        stage.half_done()
                run_all("CHECKPOINT")
                filled = time.perf_counter() - begin
                print(f"\n{size:,} responses, {condition}; filled in {filled:.0f} s", flush=True)
                rates[size, condition], right = measure(pairs, servers, size, condition, options)
                exact = exact and right
    compare_sizes(rates, min(options.sizes), max(options.sizes))
    sys.exit(not exact)


def measure(pairs, servers, size, condition, options):
    """Print one size and condition. Returns the cycles a second of Concord and of the floor, and whether all is
    exact."""
    concords = [pair[0] for pair in pairs]
    before = [stage.ratings()[0] for stage in concords]
    acknowledged, (statements, cpu) = profile(concords[0], options.alone)
    one = {}
    for stage in pairs[0]:
        one[type(stage)] = told = drive(stage, servers, people=stage.tokens[:1], alone=options.alone)
        acknowledged += told["acknowledged"] * isinstance(stage, Concord)

    slots = size * K * (1 if condition == "fresh" else 0.5) * 0.8 / (options.rounds if size > SMALL else 1)
    together = {Concord: [], Floor: []}
    for number in range(options.rounds):
        for stage in pairs[number % len(pairs)]:
            told = drive(
                stage, servers, people=stage.tokens, seconds=options.seconds, most=int(slots / CLIENTS)
            )
            together[type(stage)].append(told)
            acknowledged += told["acknowledged"] * isinstance(stage, Concord)

    per_second = {
        kind: [len(told["cycle"]) / told["seconds"] for told in rounds] for kind, rounds in together.items()
    }
    ratios = [least / ours for ours, least in zip(*per_second.values(), strict=True)]
    medians = [statistics.median(rates) for rates in per_second.values()]
    row("", "Concord", "floor", "floor : Concord")
    row(
        "cycles a second, 16 experts",
        *(f"{rate:.1f}" for rate in medians),
        f"{statistics.median(ratios):.1f} : 1   (rounds: {', '.join(f'{ratio:.1f}' for ratio in ratios)})",
    )
    row(
        "  one cycle",
        *(spread([t for told in rounds for t in told["cycle"]]) for rounds in together.values()),
    )
    row("  gunicorn's processor time for it", *(f"{cost(rounds):.1f}" for rounds in together.values()))
    row("one expert's next", *(spread(told["next"]) for told in one.values()))
    row("one expert's submit-and-next", spread(one[Concord]["submit"]), "")
    row("one expert's submit", "", spread(one[Floor]["submit"]))
    row("statements: next, submit-and-next", " / ".join(map(str, statements)), "")
    row("Python's processor time, ms", " / ".join(f"{each:.1f}" for each in cpu), "")

    after = [stage.ratings() for stage in concords]
    written = sum(each[0] for each in after) - sum(before)
    most, twice = max(each[1] for each in after), max(each[2] for each in after)
    right = written == acknowledged and most <= K and twice <= 1
    print(
        f"  {'exact' if right else 'NOT EXACT'}: {written:,} ratings written, {acknowledged:,} acknowledged; at most "
        f"{most} a response (k = {K}), {twice} by one expert",
        flush=True,
    )
    return medians, right


def compare_sizes(rates, least, most):
    if least == most:
        return
    print(f"\nCycles a second at {most:,} against {least:,} responses")
    for condition in CONDITIONS:
        if (most, condition) in rates:
            pairs = zip(rates[most, condition], rates[least, condition], strict=True)
            ours, bare = (big / small for big, small in pairs)
            row(condition, f"{ours:.2f}", f"{bare:.2f}")


def profile(concord, rounds):
    """One person's requests in this process. Returns how many submits were acknowledged, then of next and of
    submit-and-next the number of statements (begin and commit are two) and the processor time (ms)."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(concord.profiled)

    def submit(page):
        action, submission, progress = clients.FORM.search(page).groups()
        form = {**ANSWERS, "submission": submission.decode(), "progress": progress.decode()}
        answer = client.post(action.decode(), form, headers={"HX-Request": "true"})
        assert answer.status_code == 200, answer.content
        return answer.content

    page = client.get(concord.path).content
    for _ in range(WARM):
        page = submit(page)
    with CaptureQueriesContext(connection) as captured:
        client.get(concord.path)
    statements = [len(captured)]
    with CaptureQueriesContext(connection) as captured:
        page = submit(page)
    statements.append(len(captured))
    begin = time.process_time()
    for _ in range(rounds):
        client.get(concord.path)
    between = time.process_time()
    for _ in range(rounds):
        page = submit(page)
    cpu = [1000 * each / rounds for each in (between - begin, time.process_time() - between)]
    return WARM + 1 + rounds, (statements, cpu)


def drive(stage, servers, **order):
    """What benchmarks/clients.py measured, as a process of its own, and the server's processor time (ms)."""
    server = servers[type(stage)]
    before = server.cpu()
    order |= {"of": stage.name, "host": server.host, "path": stage.path, "form": ANSWERS}
    done = subprocess.run(
        [sys.executable, HERE / "clients.py"],
        input=json.dumps(order),
        capture_output=True,
        check=True,
        text=True,
    )
    return {**json.loads(done.stdout), "cpu": server.cpu() - before}


def cost(rounds):
    """Processor time of the server for one cycle, in ms."""
    return sum(told["cpu"] for told in rounds) / sum(len(told["cycle"]) for told in rounds)


def spread(times):
    ordered = sorted(times)
    return f"{statistics.median(ordered):.1f} / {ordered[int(len(ordered) * 0.95)]:.1f}"


def row(name, *cells):
    print(
        f"  {name:<36}"
        + "".join(f"{cell:>16}" for cell in cells[:2])
        + "".join(f"    {cell}" for cell in cells[2:])
    )


if __name__ == "__main__":
    benchmark(
        run,
        __doc__,
        databases=["postgres"],
        sizes=[1_000, 100_000],
        conditions=CONDITIONS,
        seconds=6.0,
        rounds=3,
        alone=40,
    )
