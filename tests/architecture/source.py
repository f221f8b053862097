"""The project's own files, parsed, for tests that read the code."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("core", "jobs", "annotation", "arbitration", "training", "evaluation", "exchange")


@cache
def python_files(*folders):
    """Every Python file under the folders (the apps, serving and config, without any named), migrations apart."""
    return [
        path
        for folder in folders or (*APPS, "serving", "config")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


@cache
def tree(path):
    return ast.parse(path.read_text(), filename=str(path))


def place(path, node):
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def kept_files():
    """Paths under version control, or that would be: neither ignored nor deleted."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).is_file()]
