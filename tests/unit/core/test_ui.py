import math

import pytest
from django.template import Context, Template

from core.scales import Scale
from core.staff import lay_out
from core.templatetags import ui
from jobs.models import Job


def rendered(source, **context):
    return Template(source).render(Context(context))


class Axis:
    """What the components read of an axis."""

    question = ""

    def __init__(self, lowest=1, highest=5, name="Safety"):
        self.name, self.lowest, self.highest = name, lowest, highest
        self.scale = Scale(lowest, highest)
        self.anchors = [(score, f"anchor {score}") for score in self.scale.anchored]


SAFETY, LONG = Axis(), Axis(0, 100, "Reach")


class TestMarkdown:
    def test_renders_what_markdown_can_make(self):
        html = ui.markdown("**bold**\n\n1. one\n2. two\n\n| a | b |\n|---|---|\n| c | d |")

        assert "<strong>bold</strong>" in html
        assert '<ol dir="auto">' in html and '<li value="2">two</li>' in html
        assert "<td>d</td>" in html

    def test_shows_raw_html_as_text(self):
        html = ui.markdown("<script>alert(1)</script> <b onclick=x>hi</b>")

        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "<script" not in html and "<b " not in html

    @pytest.mark.parametrize(
        "text",
        [
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "<javascript:alert(1)>",
        ],
    )
    def test_makes_no_link_that_runs_code(self, text):
        assert "href" not in ui.markdown(text)

    def test_loads_no_picture(self):
        assert "<img" not in ui.markdown("![x](https://example.org/spy.png)")

    def test_marks_links_as_foreign(self):
        assert 'rel="noopener noreferrer nofollow"' in ui.markdown("[x](https://example.org)")

    def test_begins_headings_below_those_of_the_page(self):
        html = ui.markdown("# one\n## two\n###### six")

        assert all(
            f'<{tag} dir="auto">{word}' in html for tag, word in (("h3", "one"), ("h4", "two"), ("h6", "six"))
        )

    def test_keeps_line_breaks(self):
        assert "<br" in ui.markdown("first\nsecond")

    @pytest.mark.parametrize("text", ["", None])
    def test_renders_nothing_as_nothing(self, text):
        assert ui.markdown(text) == ""


class TestShare:
    def test_shows_whole_percents_unless_told(self):
        assert ui.share(0.4213) == "42 %"
        assert ui.share(0.4213, 1) == "42.1 %"

    def test_shows_a_dash_where_nothing_is_known(self):
        assert ui.share(None) == "–"


class TestFixed:
    def test_shows_a_dash_for_what_is_undefined(self):
        assert ui.fixed(math.nan) == "–"
        assert ui.fixed(None) == "–"
        assert ui.fixed(0.7065) == "0.71"


class TestRamp:
    @pytest.mark.parametrize(
        ("value", "place"), [(1, "at-1"), (2.5, "at-3"), (3.49, "at-3"), (5, "at-5"), (None, "")]
    )
    def test_is_the_class_of_the_nearest_score(self, value, place):
        assert ui.ramp(value, Scale()) == place

    @pytest.mark.parametrize(("value", "place"), [(0, "at-1"), (37.4, "at-2"), (37.5, "at-3"), (100, "at-5")])
    def test_follows_the_range_of_an_axis(self, value, place):
        assert ui.ramp(value, Axis(lowest=0, highest=100)) == place


class TestLayOut:
    def test_lays_ratings_on_their_lines(self):
        layout = lay_out([("Expert A", 2), ("Expert B", 5), ("ines", 2)], Scale(), final=3.5)

        assert [note["mark"] for note in layout["lines"][1]["notes"]] == ["A", "in"]
        assert (layout["low"], layout["high"], layout["spread"]) == (2, 5, 3)
        assert (layout["column"], layout["columns"]) == (2, 4)
        assert [line["value"] for line in layout["lines"] if line["final"]] == [4]

    def test_begins_at_the_lowest_of_the_range(self):
        layout = lay_out([("Expert A", 0), ("Expert B", 3)], Scale(0, 3))

        assert [(line["value"], line["column"], line["look"]) for line in layout["lines"]] == [
            (0, 1, 1),
            (1, 2, 2),
            (2, 3, 4),
            (3, 4, 5),
        ]
        assert (layout["low"], layout["column"], layout["columns"]) == (0, 1, 4)

    def test_lays_ratings_along_the_ruler_of_a_long_range(self):
        layout = lay_out([("Expert A", 80), ("Expert B", 20), ("ines", 82)], Scale(0, 100), final=60.5)

        assert [(mark["mark"], mark["x"], mark["y"]) for mark in layout["marks"]] == [
            ("B", "20.00%", 33),
            ("A", "80.00%", 33),
            ("in", "82.00%", 11),
        ]
        assert (layout["x"], layout["width"], layout["height"]) == ("20.00%", "62.00%", 44)
        assert (layout["final_x"], layout["final_y"]) == ("60.50%", 33)

    @pytest.mark.parametrize("scale", [Scale(), Scale(0, 100)])
    def test_has_no_spread_without_ratings(self, scale):
        assert lay_out([], scale)["spread"] is None


class TestDotPlot:
    def test_says_in_words_what_it_draws(self):
        html = rendered(
            "{% dot_plot axis scores tau=1 final=2 %}",
            axis=SAFETY,
            scores=[("Expert A", 1), ("Expert B", 4)],
        )

        assert "Expert A gave 1, Expert B gave 4. They diverge by 3, more than 1. Final 2" in html
        assert "dots--diverging" in html

    def test_does_not_call_a_spread_within_tau_diverging(self):
        html = rendered(
            "{% dot_plot axis scores tau=1 %}", axis=SAFETY, scores=[("Expert A", 3), ("Expert B", 4)]
        )

        assert "dots--diverging" not in html

    def test_draws_no_style_attribute(self):
        for axis in (SAFETY, LONG):
            html = rendered("{% dot_plot axis scores final=3 %}", axis=axis, scores=[("Expert A", 3)])

            assert "style=" not in html and "Expert A" in html


class TestRoundTicks:
    @pytest.mark.parametrize(("low", "high"), [(0, 72), (0.9, 3.8), (1.17, 1.42), (-3, 3), (5, 5), (0, 1e-6)])
    def test_encloses_the_range_in_even_steps(self, low, high):
        ticks = ui.round_ticks(low, high)

        assert ticks[0] <= low + 1e-9 and ticks[-1] >= high - 1e-9
        assert 2 <= len(ticks) <= 7
        steps = {
            round((after - before) / (ticks[1] - ticks[0]), 6)
            for before, after in zip(ticks, ticks[1:], strict=False)
        }
        assert steps == {1.0}


class TestLineChart:
    def test_draws_every_series_and_reads_out_its_last_value(self):
        html = rendered(
            '{% line_chart "Loss" series x_label="step" %}',
            series=[("Training", [(0, 3.0), (10, 1.5)]), ("Validation", [(10, 1.75)])],
        )

        assert html.count("<polyline") == 2
        assert "Training: 1.500 at step 10." in html

    def test_waits_for_the_first_value(self):
        assert "is on its way" in rendered('{% line_chart "Loss" series %}', series=[("Training", [])])

    def test_leaves_out_what_is_not_a_number(self):
        html = rendered('{% line_chart "Loss" series %}', series=[("T", [(0, 2.0), (1, math.nan), (2, 1.0)])])

        assert "nan" not in html


class TestStatusBadge:
    @pytest.mark.parametrize("status", Job.Status.values)
    def test_shows_the_label_and_colour_declared_with_the_status(self, status):
        class Row:
            COLOURS = Job.COLOURS

            def get_status_display(self):
                return Job.Status(self.status).label

        row = Row()
        row.status = status
        html = rendered("{% status_badge row %}", row=row)

        assert Job.Status(status).label in html
        assert f"badge--{Job.COLOURS[status]}" in html


class TestLikertRow:
    def test_names_every_radio_by_digit_and_anchor(self):
        html = rendered(
            '{% include "components/_likert.html" with axis=axis name="safety" value="4" %}', axis=SAFETY
        )

        assert html.count('type="radio"') == 5
        assert 'value="4" checked' in html
        assert "anchor 5" in html

    def test_takes_a_number_where_the_range_is_long(self):
        html = rendered(
            '{% include "components/_likert.html" with axis=axis name="long" value="0" %}', axis=LONG
        )

        assert 'type="radio"' not in html
        assert 'type="number"' in html and 'min="0" max="100"' in html and 'value="0"' in html
        assert "anchor 0" in html and "anchor 100" in html
