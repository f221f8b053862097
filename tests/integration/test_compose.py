"""docker-compose.yml: valid by the Compose Specification, without default secrets, and its services work together.

There need be no container engine here: the services' own commands run by hand, as gunicorn, two Celery workers
and beat on a real PostgreSQL and Redis.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

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
LONG_RUNNING = ["postgres", "redis", "web", "proxy", "worker", "gpu-worker", "beat"]


@pytest.mark.once
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

    @pytest.mark.parametrize("name", [*LONG_RUNNING, "migrate"])
    def test_every_service_has_bounds_and_nothing_that_it_does_not_need(self, name):
        service = composed.services(ENV)[name]
        assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & service.keys()

    def test_images_are_named_by_their_exact_version(self):
        images = {s["image"] for s in composed.services(ENV).values() if "build" not in s}
        images |= set(re.findall(r"^FROM (\S+:\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
        assert len(images) == 4
        assert [image for image in images if not re.search(r":\d+\.\d+(\.\d+)?-", image)] == []

    def test_only_the_proxy_is_published_and_only_to_this_machine(self):
        services = composed.services(ENV)
        assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
        assert services["proxy"]["ports"] == ["127.0.0.1:8000:8080"]

    def test_settings_of_a_team_pass_django_s_own_check(self):
        environment = composed.services(ENV)["web"]["environment"]
        done = subprocess.run(
            [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
            env={"PATH": os.environ["PATH"], "CONCORD_VAR": os.environ["CONCORD_VAR"]}
            | environment
            | {"CONCORD_SECRET_KEY": secrets.token_hex(32)},
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def test_state_lies_in_volumes(self):
        content = composed.interpolate(composed.compose_file(), ENV)
        used = {
            volume.split(":")[0]
            for service in content["services"].values()
            for volume in service.get("volumes", [])
            if not volume.startswith("./")
        }
        assert used == set(content["volumes"]) == {"postgres", "redis", "state", "proxy"}

    def test_files_that_are_mounted_exist_and_are_not_written_to(self):
        mounted = [
            v for s in composed.services(ENV).values() for v in s.get("volumes", []) if v.startswith("./")
        ]
        assert mounted
        for volume in mounted:
            file, _, mode = volume.split(":")
            assert (ROOT / file).is_file() and mode == "ro"

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
        # The image sets CONCORD_VAR; manage.py in this class runs in the services' environment. There, nobody names
        # the settings to them.
        self.env = {
            **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
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


class Visitor:
    """Somebody at the web service: keeps their cookies and follows redirects, as a browser without script."""

    PASSWORD = "plum jam on rye bread"

    def __init__(self, team, username):
        self.url, self.cookies = team.url, CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.get("/login/")
        self.post("/login/", username=username, password=self.PASSWORD)

    def get(self, path):
        return self.ask(path)[1]

    def post(self, path, **fields):
        """(address one ends at, its page) after sending the form."""
        return self.ask(path, urlencode(fields).encode())

    def ask(self, path, body=None):
        request = urllib.request.Request(self.url + path, body)
        request.add_header(
            "X-CSRFToken", next((each.value for each in self.cookies if each.name == "csrftoken"), "")
        )
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.url.removeprefix(self.url), unescape(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code}\n{error.read().decode()[-3000:]}") from None


def form_of(page, action):
    """(address, value of the hidden submission key) of the page's form whose address ends so; None without it."""
    form = re.search(rf'action="([^"]*{action})".*?name="submission" value="([^"]+)"', page, re.DOTALL)
    return form and form.groups()


@pytest.mark.deep
@pytest.mark.teams
class TestServicesByHand:
    """The services by hand, and a stage from prompts to the next one, over HTTP and by commands, as a team would go
    through it."""

    ROOM = "/projects/garden-advice/"
    PROMPTS = {"egg": "train", "plum": "train", "basil": "validation", "moss": "held-out"}
    PATIENCE = 240
    VERDICT = {"label-verdict": "aligned"}

    def test_goes_from_healthy_services_and_prompts_to_the_responses_of_the_tuned_model(
        self, team, tiny_model, tmp_path
    ):
        pytest.importorskip("torch")
        team.migrate()
        team.env |= {"DJANGO_SUPERUSER_PASSWORD": Visitor.PASSWORD}
        team.manage("createsuperuser", "--no-input", "--username", "amal", "--email", "amal@example.org")
        team.start("web", "worker", "gpu-worker", "beat")
        self.check_health(team)
        admin = Visitor(team, "amal")
        self.set_up(team, admin, tmp_path)
        experts = [Visitor(team, name) for name in ("ines", "jakob", "kaya")]

        admin.post(
            f"{self.ROOM}generate/", temperature=0.7, top_p=0.9, repetition_penalty=1, max_new_tokens=8,
            batch_size=4, seed=1,
        )  # fmt: skip
        self.await_rating(admin, 0)
        for place, expert in enumerate(experts):
            self.rate_everything(expert, strict_about="plum" if place == 0 else None)
        self.settle(Visitor(team, "lena"))

        address, page = admin.post(f"{self.ROOM}stages/0/finalize/")
        assert address == f"{self.ROOM}stages/0/"
        assert "4 final labels: 3 by agreement, 1 by arbitration, 0 excluded" in page
        self.train(admin)
        self.await_rating(admin, 1)
        report = wait_until(lambda: self.scored(admin), seconds=self.PATIENCE, what="the cosines")
        base, following = report["stages"]
        assert (base["model"], following["model"]) == ("base", "v1")
        assert (base["final"], following["final"]) == (True, False)
        assert base["scores"]["safety"]["value"] == 5
        exported = team.manage("export_records", "--project", "garden-advice")
        assert len(exported.stdout.splitlines()) == 4

        team.kill("gpu-worker")
        assert not team.check("gpu-worker")
        self.lose_the_broker(team)

    def check_health(self, team):
        with urllib.request.urlopen(f"{team.url}/healthz", timeout=10) as response:
            assert set(json.load(response).values()) == {"ok"}
        assert team.check("web")
        assert team.check("worker")
        assert team.check("gpu-worker")
        wait_until(lambda: team.check("beat"), what="beat's schedule")
        wait_until(lambda: "Task annotation.sweep" in team.log("worker"), what="a sweep by the worker")
        request = urllib.request.Request(f"{team.url}/login/", headers={"Host": "elsewhere.example.org"})
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request, timeout=10)

    def lose_the_broker(self, team):
        """The health page tells."""
        team.stop("web")
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
        assert (words["database"], words["broker"]) == ("ok", "does not answer")

    def set_up(self, team, admin, folder):
        address, _ = admin.post("/new-project/", name="Garden advice")
        assert address == f"{self.ROOM}setup/"
        for name, role in (("ines", "expert"), ("jakob", "expert"), ("kaya", "expert"), ("lena", "lead")):
            fields = {"username": name, "password": Visitor.PASSWORD, "role": role}
            admin.post(
                f"{self.ROOM}setup/accounts/", **{f"account-{key}": value for key, value in fields.items()}
            )
        file = folder / "prompts.jsonl"
        rows = [
            {"id": id, "prompt": f"What of the {id}?", "split": split} for id, split in self.PROMPTS.items()
        ]
        file.write_text("\n".join(map(json.dumps, rows)))
        team.manage("import_prompts", "garden-advice", str(file))

    def await_rating(self, admin, number):
        def is_open():
            return re.search('class="badge[^>]+>Rating<', admin.get(f"{self.ROOM}stages/{number}/"))

        wait_until(is_open, seconds=self.PATIENCE, what=f"the rating of stage {number}")

    def rate_everything(self, expert, *, strict_about):
        page, rated = expert.get(f"{self.ROOM}rate/"), 0
        while form := form_of(page, "/submit/"):
            action, key = form
            safety = 2 if strict_about and f"the {strict_about}?" in page else 5
            scores = {"score-safety": safety, "score-helpfulness": 5, "score-relevance": 4}
            _, page = expert.post(action, submission=key, **scores, **self.VERDICT)
            rated += 1
        assert rated == len(self.PROMPTS)
        assert "Nothing is left for you" in page

    def settle(self, lead):
        _, page = lead.post(f"{self.ROOM}arbitrate/next/")
        assert "Safety: 2 to 5, spread 3, allowed 1" in page
        action, key = form_of(page, "/resolve/")
        scores = {"score-safety": 4, "score-helpfulness": 5, "score-relevance": 4}
        _, page = lead.post(action, submission=key, then="next", rationale="Safe.", **scores, **self.VERDICT)
        assert "Nothing is waiting" in page

    def train(self, admin):
        page = admin.get(f"{self.ROOM}stages/0/training/launch/")
        key = re.search('name="submission" value="([^"]+)"', page)[1]
        base = re.search('<option value="(\\d+)" selected>base', page)[1]
        run, _ = admin.post(
            f"{self.ROOM}stages/0/training/launch/",
            submission=key, base=base, learning_rate=0.001, epochs=1, batch_size=2, seed=0,
        )  # fmt: skip
        assert "/runs/" in run

        def ended():
            page = admin.get(run)
            assert not re.search("The run failed|Something unexpected", page), page
            return "Succeeded" in page

        wait_until(ended, seconds=self.PATIENCE, what="the training run")
        model = re.search("stages/0/promote/\\?model=(\\d+)", admin.get(run))[1]
        address, _ = admin.post(f"{self.ROOM}stages/0/promote/", model_version=model, reason="It learned.")
        assert address == f"{self.ROOM}stages/1/"

    def scored(self, admin):
        report = json.loads(admin.get(f"{self.ROOM}report.json"))
        return report["stages"][0]["coherence"] and report
