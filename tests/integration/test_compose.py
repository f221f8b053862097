"""docker-compose.yml: valid by the Compose Specification, without default secrets, and its services work together.

There need be no container engine here: the services' own commands run by hand, as gunicorn, two Celery workers
and beat on a real PostgreSQL and Redis.
"""

import json
import os
import secrets
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import jsonschema
import pytest
import yaml
from django.conf import settings

from tests import composed
from tests.live import Live, wait_until
from tests.services import create_database, drop_database, free_port

ROOT = Path(settings.BASE_DIR)
SCHEMA = json.loads((ROOT / "tests" / "data" / "compose-spec" / "compose-spec.json").read_text())
ENV = {
    "POSTGRES_PASSWORD": "p" * 32,
    "REDIS_PASSWORD": "r" * 32,
    "CONCORD_SECRET_KEY": "s" * 64,
    "CONCORD_ALLOWED_HOSTS": "concord.example.org",
}
LONG_RUNNING = ["postgres", "redis", "web", "worker", "gpu-worker", "beat"]


class TestComposeFile:
    @pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.gpu.yml"])
    def test_is_valid_by_the_specification(self, name):
        content = composed.interpolate(yaml.safe_load((ROOT / name).read_text()), ENV)
        content.pop("x-concord", None)
        errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(content)
        assert [f"{'/'.join(map(str, error.path))}: {error.message}" for error in errors] == []

    @pytest.mark.parametrize("missing", sorted(ENV))
    def test_refuses_to_start_without_a_secret_and_says_which(self, missing):
        env = {name: value for name, value in ENV.items() if name != missing}
        with pytest.raises(composed.MissingVariable, match=missing):
            composed.services(env)

    def test_every_variable_without_a_default_stands_in_the_example(self):
        text = composed.FILE.read_text()
        example = (ROOT / ".env.example").read_text()
        names = {match["name"] for match in composed.VARIABLE.finditer(text) if match["name"]}
        assert {name for name in names if f"\n{name}=" not in example} == set()
        required = {match["name"] for match in composed.VARIABLE.finditer(text) if match["kind"] == ":?"}
        assert required == set(ENV)
        # An example must not become a password.
        assert {name for name in required if f"\n{name}=\n" not in example} == set()

    @pytest.mark.parametrize("name", LONG_RUNNING)
    def test_every_long_running_service_is_checked_and_restarted(self, name):
        service = composed.services(ENV)[name]
        assert service["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"

    def test_only_the_web_server_is_published_and_only_to_this_machine(self):
        services = composed.services(ENV)
        assert {name for name, service in services.items() if "ports" in service} == {"web"}
        assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]

    def test_state_lies_in_volumes(self):
        content = composed.interpolate(composed.compose_file(), ENV)
        used = {
            volume.split(":")[0]
            for service in content["services"].values()
            for volume in service.get("volumes", [])
        }
        assert used == set(content["volumes"]) == {"postgres", "redis", "state"}

    def test_both_images_are_stages_of_the_dockerfile(self):
        dockerfile = (ROOT / "Dockerfile").read_text()
        targets = {s["build"]["target"] for s in composed.services(ENV).values() if "build" in s}
        assert targets == {"web", "models"}
        for target in targets:
            assert f" AS {target}\n" in dockerfile
        copied = {line.split()[1] for line in dockerfile.splitlines() if line.startswith("COPY")}
        allowed = {
            line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
        }
        assert copied | {"pyproject.toml", "constraints.txt"} == allowed
        assert {name for name in allowed if not (ROOT / name).exists()} == set()


class Team(Live):
    """The services of docker-compose.yml that are ours, by hand, on a database of their own."""

    def __init__(self, var):
        self.database = f"concord_team_{secrets.token_hex(4)}"
        super().__init__()
        self.database_url = create_database(settings.DATABASE_URL, self.database)
        # Everything that is true inside the containers only.
        self.replace = {
            f"postgres://concord:{ENV['POSTGRES_PASSWORD']}@postgres:5432/concord": self.database_url,
            f"redis://:{ENV['REDIS_PASSWORD']}@redis:6379/0": settings.REDIS_URL,
            "0.0.0.0:8000": f"127.0.0.1:{self.port}",
            "http://127.0.0.1:8000": self.url,
            "/var/lib/concord": str(var),
        }
        self.services = composed.services(ENV | {"WEB_WORKERS": "2", "CONCORD_SECURE": "0"})
        web = self.services["web"]["environment"]
        # The image sets CONCORD_VAR; manage.py in this class runs in the services' environment.
        self.env = {
            **os.environ,
            **composed.by_hand({"command": ["python"], "environment": web}, replace=self.replace)[1],
            "CONCORD_VAR": str(var),
            "CONCORD_BASE_MODEL": settings.BASE_MODEL,
            "CONCORD_SWEEP_SECONDS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def argv(self, name):
        return composed.by_hand(self.services[name], replace=self.replace)[0]

    def migrate(self):
        subprocess.run(
            self.argv("migrate"), env=self.env, cwd=ROOT, check=True, capture_output=True, text=True
        )

    def check(self, name):
        """Run a service's own health check; True if it passes."""
        test = composed.interpolate(composed.compose_file(), ENV)["services"][name]["healthcheck"]["test"]
        kind, *words = test
        for old, new in self.replace.items():
            words = [word.replace(old, new) for word in words]
        argv = ["sh", "-c", words[0]] if kind == "CMD-SHELL" else composed.program(words)
        path = f"{Path(composed.program(['celery'])[0]).parent}:{os.environ['PATH']}"
        done = subprocess.run(argv, env={**self.env, "PATH": path}, cwd=ROOT, capture_output=True, text=True)
        return done.returncode == 0

    def close(self):
        self.stop()
        drop_database(settings.DATABASE_URL, self.database)


@pytest.fixture
def team(tmp_path, db):
    team = Team(tmp_path / "state")
    team.empty_broker()
    yield team
    team.close()


@pytest.mark.teams
class TestServicesByHand:
    def test_serve_the_sign_in_page_and_pass_their_own_health_checks(self, team):
        team.migrate()
        team.start("web", "worker", "gpu-worker", "beat")
        with urllib.request.urlopen(f"{team.url}/login/", timeout=10) as response:
            page = response.read().decode()
            assert response.status == 200
        assert 'name="password"' in page
        with urllib.request.urlopen(f"{team.url}/healthz", timeout=10) as response:
            assert json.load(response) == {"database": "ok", "broker": "ok"}
        assert team.check("web")
        assert team.check("worker")
        assert team.check("gpu-worker")
        wait_until(lambda: team.check("beat"), what="beat's schedule")
        wait_until(lambda: "Task annotation.sweep" in team.log("worker"), what="a sweep by the worker")

        team.kill("gpu-worker")
        assert not team.check("gpu-worker")
        request = urllib.request.Request(f"{team.url}/login/", headers={"Host": "elsewhere.example.org"})
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request, timeout=10)

    def test_the_health_page_tells_a_dead_broker(self, team):
        team.migrate()
        # Nobody listens there.
        team.env["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
        team.launch("web", team.argv("web"))

        def answer():
            try:
                urllib.request.urlopen(f"{team.url}/healthz", timeout=20)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)
            except urllib.error.URLError:
                return None

        status, words = wait_until(answer, what="an answer of the health page")
        assert status == 503
        assert words == {"database": "ok", "broker": "does not answer"}
