"""The benchmarks on small numbers: they run, and the rows that they write by plain SQL are still rows of Concord."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

pytestmark = [pytest.mark.deep, pytest.mark.once]


def run(name, *arguments):
    """What the benchmark prints, in an environment without the tests' servers."""
    ours = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "CONCORD_BASE_MODEL", "CONCORD_VAR")
    done = subprocess.run(
        [sys.executable, f"benchmarks/{name}.py", *arguments],
        cwd=settings.BASE_DIR,
        env={key: value for key, value in os.environ.items() if key not in ours},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


class TestCycles:
    def test_compares_with_the_floor_and_is_exact(self):
        words = run("cycles", "--sizes", "60", "90", "--seconds", "1", "--rounds", "1", "--alone", "6")
        assert words.count("exact:") == 4
        assert "Cycles a second at 90 against 60 responses" in words


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
class TestBulk:
    def test_measures_every_part(self, database):
        numbers = ("--responses", "200", "--projects", "3", "--steps", "200")
        words = run("bulk", "--database", database, *numbers)
        for part in ("import", "finalize", "export", "sweep", "poll"):
            assert f"\n{part}" in words


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
class TestTheOthers:
    def test_measure_pages_panel_and_hand_out(self, database):
        assert "setup" in run("pages", "--database", database, "--ratings", "3000", "--rounds", "1")
        assert "stage_agreement, kept" in run("stage_panel", "--database", database, "--ratings", "300")
        assert "The hand-out's query" in run(
            "hand_out", "--database", database, "--sizes", "100", "--rounds", "3"
        )
