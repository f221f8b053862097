"""Markdown of strangers: whatever the text is, the HTML is short, soon there, and leaves nothing out."""

from time import process_time

import pytest

from core.prose import DEEPEST, LONGEST, MOST_CELLS, SHORT, as_html, kept_html

PLAIN = '<pre class="plain" dir="auto">'
TABLE = "x|" * 250 + "\n" + "-|" * 250 + "\n" + "x|\n" * 250 + "\n"
UNITS = {
    "tables": TABLE,
    "small tables": "|a" * 30 + "\n" + "|-" * 30 + "\n" + "a\n" * 30 + "\n",
    "tables in quotes": "".join(f"> {line}\n" for line in TABLE.splitlines()) + "\n",
    "brackets": "[",
    "pictures": "![",
    "links": "[a](b",
    "titles": '[a](b "',
    "references": "[a]: b\n",
    "stars": "***a**b*",
    "underscores": "_a",
    "backticks": "`a``b```c",
    "angles": "<a",
    "entities": "&amp;",
    "quotes": ">",
    "quoted lines": "> a\n",
    "deep quotes": ">" * (DEEPEST - 1) + "a\n\n",
    "lists": "- ",
    "items": "- a\n",
    "numbers": "1. a\n",
    "lines": "a\n",
    "headings": "# a\n",
    "rules": "---\n",
    "backslashes": "\\",
    "blanks": " ",
    "one word": "a",
}


class TestAsHtml:
    @pytest.mark.parametrize("length", [LONGEST, 300_000])
    @pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
    def test_takes_bounded_time_and_room_for_any_text(self, unit, length):
        text = (unit * (length // len(unit) + 1))[:length]
        began = process_time()
        html = as_html(text)
        assert process_time() - began < 2
        assert len(html) <= SHORT + 8 * len(text)

    def test_shows_an_ordinary_long_answer_as_markdown(self):
        text = "The quick *brown* fox jumps over the `lazy` dog, and so on and on.\n\n" * 700
        assert PLAIN not in as_html(text) and as_html(text).count("<em>brown</em>") == 700

    def test_shows_what_is_too_long_as_it_was_written_and_says_so(self):
        html = as_html("*a* <b>\n" * LONGEST)
        assert "shown as it was written" in html and f"{PLAIN}*a* &lt;b&gt;\n*a*" in html

    def test_counts_cells_that_no_line_spells(self):
        wide = "|".join("a" * (MOST_CELLS // 4)) + "\n" + "|".join("-" * (MOST_CELLS // 4)) + "\n"
        assert PLAIN not in as_html(wide + "a\n") and PLAIN in as_html(wide + "a\n" * 4)

    def test_does_not_repeat_a_long_address_behind_many_links(self):
        assert as_html(f"[a]: http://{'x' * 20_000}\n\n{'[a] ' * 5_000}").count("x" * 20_000) == 1

    @pytest.mark.parametrize("depth", [12, 60])
    def test_leaves_nothing_out_however_deep(self, depth):
        nested = "".join(f"{'  ' * level}- item{level}.\n" for level in range(depth))
        assert all(f"item{level}." in as_html(nested) for level in range(depth))
        assert "word" in as_html(">" * depth + " word") and "word" in as_html("[" * depth + "word")


class TestKeptHtml:
    def test_is_the_same_as_the_html_of_any_text(self):
        assert kept_html("*a*") == as_html("*a*")
