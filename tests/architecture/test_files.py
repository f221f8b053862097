"""What templates must not do, and what must not be committed."""

import re

import pytest

from tests.architecture.source import APPS, ROOT, kept_files

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
NEVER = {
    "|safe on text": re.compile(r"\|\s*safe\b|\{%\s*autoescape off"),
    "a filter that htmx evaluates": re.compile(
        r"hx-trigger=[\"'][^\"']*\[|hx-(vals|headers)=[\"'](js|javascript):"
    ),
    "an address elsewhere": re.compile(r"(src|href)=[\"']//"),
}
DRAWN = "{{ figure.inline|safe }}"
"""The one exception: an SVG that vl-convert drew, whose texts it escaped."""


def name(path):
    return str(path.relative_to(ROOT))


class TestTemplates:
    """What test_templates.py does not look for."""

    @pytest.mark.parametrize("path", TEMPLATES, ids=name)
    def test_skip_no_escaping_and_evaluate_nothing(self, path):
        text = path.read_text().replace(DRAWN, "")
        assert [what for what, pattern in NEVER.items() if pattern.search(text)] == []

    def test_of_pages_extend_the_base(self):
        pages = [path for path in TEMPLATES if path.parent.name in APPS and not path.name.startswith("_")]
        assert [name(path) for path in pages if "{% extends" not in path.read_text()] == []


class TestKeptFiles:
    def test_name_no_machine_and_no_registry(self):
        telling = re.compile(r"/root/|/home/\w|file:///|https?://[^\s\"']*pypi\.org|--extra-index-url")
        found = [
            name(path)
            for path in kept_files()
            if path.suffix
            in {".py", ".md", ".toml", ".txt", ".yml", ".sh", ".html", ".css", ".js", ".example", ""}
            and "vendor" not in path.parts
            and path != ROOT / "tests" / "architecture" / "test_files.py"
            and telling.search(path.read_text(errors="ignore"))
        ]
        assert found == []

    def test_are_small(self):
        limit = 2_000_000
        assert [name(path) for path in kept_files() if path.stat().st_size > limit] == []

    def test_modules_stay_readable(self):
        """About 250 lines is the aim; past 400 we talk. A test file may list more cases."""
        long = {
            name(path): lines
            for path in kept_files()
            if path.suffix == ".py" and "migrations" not in path.parts
            if (lines := len(path.read_text().splitlines())) > (600 if "tests" in path.parts else 400)
        }
        assert long == {}

    def test_hold_tests_that_assert(self):
        files = [path for path in kept_files() if path.name.startswith("test_") and path.suffix == ".py"]
        bare = [
            name(path) for path in files if not re.search(r"\bassert\b|raises|expect\(", path.read_text())
        ]
        assert bare == []
