import re
from xml.etree import ElementTree

import pytest

from evaluation.figures import draw, palette
from evaluation.tables import histogram_of
from evaluation.theme import THEMED, themed

EDGES = [round(-0.2 + place * 0.05, 2) for place in range(25)]


def estimate(value, low=None, high=None):
    return {"value": value, "low": low, "high": high, "n": 10, "method": ""}


def stage(title, final=True, cosines=True, **fields):
    bins = [0.0] * 24
    bins[15], bins[10] = 0.75, 0.25
    scored = {"n": 40, "mean": estimate(0.52), "share": estimate(0.6)}
    return {
        "title": title,
        "final": final,
        "gamma": 0.5,
        "scores": {"safety": estimate(3.1, 2.8, 3.4)} if final else {},
        "coherence": scored if cosines and final else None,
        "bins": bins if cosines and final else [],
    } | fields


def report(*stages):
    return {
        "blind": [],
        "stages": list(stages),
        "axes": [{"key": "safety", "name": "Safety & care", "lowest": 1, "highest": 5}],
        "bin_edges": EDGES,
    }


@pytest.fixture(scope="module")
def drawn():
    return draw(report(stage("Base"), stage("Stage 1"), stage("Stage 2", final=False)))


class TestDraw:
    def test_draws_the_distribution_and_each_axis(self, drawn):
        assert [each["key"] for each in drawn] == ["cosines", "score-safety"]

    def test_is_well_formed_svg_with_a_title_and_a_description(self, drawn):
        for each in drawn:
            root = ElementTree.fromstring(each["svg"])
            names = [child.tag.rpartition("}")[2] for child in root]
            assert names[:2] == ["title", "desc"]
            assert root.attrib["role"] == "img"
            assert root.attrib["aria-label"] == each["title"]

    @pytest.mark.parametrize(
        "label",
        [
            "nul \x00",
            "bell \x07",
            "no character \ufffe\uffff",
            "half \ud800",
            "line\nand line\u2028",
            "x" * 9_000,
        ],
    )
    def test_takes_any_label(self, label):
        for each in draw(report(stage("Base"), stage(label))):
            assert each["svg"] and ElementTree.fromstring(each["svg"]) is not None

    def test_leaves_out_what_cannot_be_drawn_and_keeps_its_numbers(self):
        # A label of that name meets what every object has in JavaScript.
        cosines, score = draw(report(stage("Base"), stage("constructor")))
        assert (bool(cosines["svg"]), score["svg"]) == (True, "")
        assert "constructor: 3.10" in score["description"]

    @pytest.mark.parametrize(
        "name",
        [r"a\1 \g<0> C:\new", "<b>&amp; 'q' \"d\"", "$&$1 $p*q$", "🐟 安全 ‮x", "x" * 200, "bell\x07 \ufffe"],
    )
    def test_takes_any_name(self, name):
        body = report(stage("Base"), stage("Stage 1"))
        body["axes"][0]["name"] = name
        for each in draw(body):
            root = ElementTree.fromstring(each["svg"])
            told = each["title"].replace("\x07", "\ufffd").replace("\ufffe", "\ufffd")
            assert root.attrib["aria-label"] == root[0].text == told

    def test_holds_nothing_that_the_content_security_policy_blocks(self, drawn):
        for each in drawn:
            assert not re.search(r"style=|<style|<script|\bon\w+=|href=", each["svg"])

    def test_shows_gamma_and_names_every_final_stage(self, drawn):
        words = "".join(ElementTree.fromstring(drawn[0]["svg"]).itertext())
        assert "γ = 0.5" in words
        assert "Base" in words and "Stage 1" in words
        assert "Stage 2" not in words

    def test_tells_the_numbers_in_words(self, drawn):
        assert "Base: mean 0.52, 60 % at or above γ, n = 40" in drawn[0]["description"]

    def test_says_the_same_twice(self, drawn):
        assert draw(report(stage("Base"), stage("Stage 1"), stage("Stage 2", final=False))) == drawn

    def test_draws_ratings_alone_while_cosines_are_missing(self):
        assert [each["key"] for each in draw(report(stage("Base", cosines=False)))] == ["score-safety"]

    def test_draws_a_single_prompt_that_has_no_interval(self):
        single = stage("Base", scores={"safety": estimate(4.0)})
        assert "4.00" in draw(report(single))[1]["svg"]

    def test_draws_nothing_without_a_final_stage(self):
        assert draw(report(stage("Base", final=False))) == []


class TestPalette:
    def test_keeps_base_and_latest_apart_from_those_between(self):
        colours = palette(5)
        assert len(set(colours)) == 5
        assert (palette(2)[0], palette(2)[-1]) == (colours[0], colours[-1])

    def test_of_one_stage_is_bases(self):
        assert palette(1) == palette(2)[:1]


class TestThemed:
    def test_leaves_no_colour_of_its_own(self, drawn):
        for each in drawn:
            inline = themed(each["svg"])
            assert not [colour for colour in THEMED if colour in inline]
            assert set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', inline)) == set()


class TestHistogramOf:
    def test_is_the_figure_as_a_table(self):
        table = histogram_of(report(stage("Base"), stage("Stage 1", cosines=False)))
        assert table["stages"] == ["Base"]
        assert [row["name"] for row in table["rows"]] == ["0.30 to 0.35", "0.55 to 0.60"]
        assert [row["shares"] for row in table["rows"]] == [[0.25], [0.75]]

    def test_is_absent_without_cosines(self):
        assert histogram_of(report(stage("Base", cosines=False))) is None
