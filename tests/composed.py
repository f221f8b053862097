"""docker-compose.yml, read as Compose reads it, so that its services can be run by hand without an engine."""

import os
import re
import shutil
import sys
from pathlib import Path

import yaml

FILE = Path(__file__).resolve().parent.parent / "docker-compose.yml"
VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<rest>[^}]*))?\})")


class MissingVariable(Exception):
    """Compose would refuse to start, with this message."""


def interpolate(value, env):
    """`value` with ${NAME}, ${NAME:-default}, ${NAME:?message} and $$ resolved in every string, as Compose does."""
    if isinstance(value, dict):
        return {key: interpolate(each, env) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolate(each, env) for each in value]
    if not isinstance(value, str):
        return value

    def resolve(match):
        if match["escaped"]:
            return "$"
        found = env.get(match["name"], "")
        if not found and match["kind"] == ":?":
            raise MissingVariable(match["rest"])
        return found or (match["rest"] if match["kind"] == ":-" else "")

    return VARIABLE.sub(resolve, value)


def compose_file():
    return yaml.safe_load(FILE.read_text())


def services(env):
    return interpolate(compose_file(), env)["services"]


def program(argv):
    """A service's command with its program from this environment instead of the image's."""
    first, *rest = argv
    if first == "python":
        return [sys.executable, *rest]
    found = shutil.which(first, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if not found:
        raise FileNotFoundError(first)
    return [found, *rest]


def by_hand(service, *, replace):
    """(argv, environment) of a service, with addresses and folders of the image replaced by `replace`."""

    def swap(text):
        for old, new in replace.items():
            text = text.replace(old, new)
        return text

    environment = {name: swap(str(value)) for name, value in service["environment"].items()}
    return program([swap(word) for word in service["command"]]), environment
