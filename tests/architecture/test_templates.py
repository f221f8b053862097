"""What a strict Content-Security-Policy and the house's rules ask of every template."""

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
VENDOR = ROOT / "static" / "vendor"


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
class TestEveryTemplate:
    def test_has_no_inline_style_script_or_handler(self, path):
        text = path.read_text()

        assert not re.search(r"""\sstyle\s*=""", text), "an attribute style= is blocked: use a class"
        assert not re.search(r"<style\b", text), "an inline <style> is blocked: use a sheet under static/css"
        assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text), "an inline handler is blocked: use static/js"
        assert not re.search(r"\shx-on\b|\shx-on:", text), "hx-on needs eval, which is off"
        for tag in re.findall(r"<script\b[^>]*>", text):
            assert "src=" in tag or "application/json" in tag, f"an inline script is blocked: {tag}"

    def test_tells_the_zone_of_every_time_of_day(self, path):
        times = re.findall(r"""(?:date|time|now):?\s*["']([^"']*H:i[^"']*)["']""", path.read_text())

        assert [each for each in times if not each.endswith(" T")] == []

    def test_lets_the_direction_of_a_field_follow_what_is_typed(self, path):
        fields = re.findall(r"""<textarea[^>]*>|<input type="(?:search|text)"[^>]*>""", path.read_text())

        assert [each for each in fields if 'dir="auto"' not in each and " hidden" not in each] == []

    def test_begins_a_text_to_edit_on_a_new_line(self, path):
        """Browsers leave out a line end right behind the tag, which else is the first of the text."""
        assert not re.search(r"<textarea\b(?:[^>{]|\{\{.*?\}\}|\{%.*?%\})*>[^<\n]", path.read_text())

    def test_loads_nothing_from_elsewhere(self, path):
        sources = re.findall(r"(?:src|href)=[\"'](https?://[^\"']+)", path.read_text())

        assert sources == []


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.name.startswith("_")], ids=named)
class TestEveryFragment:
    def test_never_extends(self, path):
        assert "{% extends" not in path.read_text()


class TestVendoredFiles:
    def test_are_what_their_checksums_say(self):
        listed = dict(reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
        actual = {
            str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in VENDOR.rglob("*")
            if path.is_file() and path.name not in {"SHA256SUMS", "README.md"}
        }

        assert actual == listed


class TestStyleSheets:
    @pytest.mark.parametrize("path", sorted((ROOT / "static" / "css").glob("*.css")), ids=named)
    def test_point_only_at_files_that_exist(self, path):
        for address in re.findall(r"url\([\"']?([^\"')]+)", path.read_text()):
            assert (path.parent / address).resolve().is_file(), address
