"""Templates under the strict content security policy, vendored files, and what must not be committed."""

import hashlib
import re

import pytest

from tests.architecture.source import APPS, ROOT, kept_files

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
INLINE = {
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "an event handler attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "an inline style": re.compile(r"<style\b", re.IGNORECASE),
    "an inline script": re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", re.IGNORECASE
    ),
    "an evaluated htmx attribute": re.compile(r"\shx-(on|vars)\b|hx-vals=['\"]js:|\[[^\]]*\]\s*(from|delay)"),
    "an address elsewhere": re.compile(r"(src|href)=[\"'](https?:)?//"),
    "|safe on text": re.compile(r"\|\s*safe\b|\{%\s*autoescape off"),
}


def name(path):
    return str(path.relative_to(ROOT))


class TestTemplates:
    @pytest.mark.parametrize("path", TEMPLATES, ids=name)
    def test_hold_nothing_that_the_policy_forbids(self, path):
        # Comments of the template language reach no browser.
        text = re.sub(r"\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}", "", path.read_text(), flags=re.DOTALL)
        assert [what for what, pattern in INLINE.items() if pattern.search(text)] == []

    @pytest.mark.parametrize(
        "path",
        [path for path in TEMPLATES if path.parent.name in APPS and path.name.startswith("_")],
        ids=name,
    )
    def test_fragments_extend_nothing(self, path):
        assert "{% extends" not in path.read_text()

    def test_pages_extend_the_base(self):
        pages = [path for path in TEMPLATES if path.parent.name in APPS and not path.name.startswith("_")]
        assert [name(path) for path in pages if "{% extends" not in path.read_text()] == []


class TestVendoredFiles:
    def test_match_their_checksums(self):
        folder = ROOT / "static" / "vendor"
        listed = dict(
            reversed(line.split(maxsplit=1))
            for line in (folder / "SHA256SUMS").read_text().splitlines()
            if line
        )
        kept = {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file() and path.parent != folder
        }
        assert kept == listed


class TestKeptFiles:
    def test_name_no_machine_and_no_registry(self):
        telling = re.compile(
            r"/work/|/root/|/opt/(pypi|wheels)|file:///|https?://[^\s\"']*pypi\.org|--extra-index-url"
        )
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
        """About 250 lines is the aim; past 400 we talk."""
        long = {
            name(path): len(path.read_text().splitlines())
            for path in kept_files()
            if path.suffix == ".py" and "migrations" not in path.parts
        }
        assert {path: lines for path, lines in long.items() if lines > 400} == {}

    def test_hold_tests_that_assert(self):
        files = [path for path in kept_files() if path.name.startswith("test_") and path.suffix == ".py"]
        bare = [
            name(path) for path in files if not re.search(r"\bassert\b|raises|expect\(", path.read_text())
        ]
        assert bare == []
