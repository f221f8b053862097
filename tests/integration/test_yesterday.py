"""A database that an earlier revision wrote is migrated forward: nothing is lost, and the loop goes on from it."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import services
from tests.yesterday.forward import read

FIXTURES = sorted((Path(__file__).parents[1] / "yesterday").glob("*.json.gz"))
ROOT = Path(__file__).parents[2]
INFERRED = {"low", "high", "method", "p", "p_holm", "test", "effect", "caveats"}
SECRET = "a secret of yesterday, for its pseudonyms"
"""Under which the revision that wrote the fixture exported its records."""


@pytest.fixture(scope="module", params=FIXTURES, ids=lambda path: path.name.partition(".")[0])
def yesterday(request, tmp_path_factory):
    """`expected` by the fixture, and what was `found` when it had been migrated forward in a database of its own."""
    folder = tmp_path_factory.mktemp("yesterday")
    server, name = os.environ["DATABASE_URL"], f"yesterday_{secrets.token_hex(4)}"
    postgres = request.config.getoption("database") == "postgres"
    url = services.create_database(server, name) if postgres else f"sqlite:///{folder}/concord.sqlite3"
    try:
        subprocess.run(
            [sys.executable, "-m", "tests.yesterday.forward", request.param, folder / "found.json"],
            cwd=ROOT,
            env=os.environ
            | {
                "DATABASE_URL": url,
                "REDIS_URL": "",
                "CONCORD_VAR": str(folder / "var"),
                "CONCORD_SECRET_KEY": SECRET,
            },
            check=True,
            timeout=300,
        )
    finally:
        if postgres:
            services.drop_database(server, name)
    return SimpleNamespace(
        expected=read(request.param)["expected"],
        records=read(str(request.param).replace(".json.gz", ".records.gz")),
        found=json.loads((folder / "found.json").read_text()),
    )


def differences(old, new, place=""):
    """Where `new` does not say what `old` says, each with both; what is new may stand beside it in every dict."""
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(key, value, new.get(key, "missing")) for key, value in old.items()]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(key, *both) for key, both in enumerate(zip(old, new, strict=True))]
    elif isinstance(old, float) and isinstance(new, float):
        # Another database may add up in another order.
        return [] if new == pytest.approx(old, rel=1e-12, abs=1e-12) else [(place, old, new)]
    else:
        return [] if old == new else [(place, old, new)]
    return [each for key, before, after in pairs for each in differences(before, after, f"{place}/{key}")]


def as_then(new, old):
    """The new value without the fields that the old one had not yet, in whatever depth."""
    if isinstance(new, dict) and isinstance(old, dict):
        return {name: as_then(value, old[name]) for name, value in new.items() if name in old}
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [as_then(*pair) for pair in zip(new, old, strict=True)]
    return new


class TestADatabaseOfYesterday:
    def test_keeps_every_row(self, yesterday):
        assert yesterday.found["counts"] == yesterday.expected["counts"]

    def test_keeps_every_answer(self, yesterday):
        for kind, expected in yesterday.expected["answers"].items():
            assert expected.keys() == yesterday.found["answers"][kind].keys()
        assert differences(yesterday.expected["answers"], yesterday.found["answers"]) == []

    def test_keeps_what_was_learned_from(self, yesterday):
        assert yesterday.found["training_sets"] == yesterday.expected["training_sets"]
        for sha256, both in yesterday.found["training_sets"].items():
            assert both == [sha256, sha256]

    def test_reports_the_same_figures(self, yesterday):
        """But for what is inferred from them: intervals, tests and warnings may be reckoned in a better way."""
        found = differences(yesterday.expected["reports"], yesterday.found["reports"])
        assert [each for each in found if not INFERRED & set(each[0].split("/"))] == []

    def test_exports_the_same_records_to_the_letter(self, yesterday):
        """But for fields that came later."""
        assert yesterday.records.keys() == yesterday.found["records"].keys()
        for slug, lines in yesterday.records.items():
            found = yesterday.found["records"][slug]
            for line, now in zip(lines, found, strict=True):
                kept = as_then(json.loads(now), json.loads(line))
                assert json.dumps(kept, ensure_ascii=False) + "\n" == line

    def test_has_the_schema_of_the_models(self, yesterday):
        assert yesterday.found["missing_migrations"] == "No changes detected"

    def test_goes_on_from_there(self, yesterday):
        went_on = yesterday.found["went_on"]
        assert went_on["rated"] > 10 and went_on["settled"] >= 3 and went_on["lines"] > 5
        assert (went_on["stage"], went_on["unlabeled"]) == ("labels_final", 0)
        assert (went_on["run"], went_on["same_set"]) == ("queued", True)
