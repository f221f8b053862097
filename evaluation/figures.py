"""The paper's Figure 2, drawn on the server: how the cosines lie before and after, and the mean ratings.

Altair writes the specification, vl-convert draws it as SVG. The drawing has the light theme's colours, so that it
stands alone as a file; theme.themed turns them into the page's own variables, so that inline it follows the theme. It
holds no style attribute, which the Content-Security-Policy would block.
"""

import html
import logging
import re

import altair as alt
import vl_convert

from core.scales import Scale
from evaluation.tables import figured_stages
from evaluation.theme import BEFORE, BETWEEN, INK, LATEST, RULE

FONT_SIZE = 12
COSINE_RANGE = [-0.2, 1.0]
# Sizes suit a phone's width, on which no text becomes smaller; wider columns scale them up.
DISTRIBUTION_SIZE = {"width": 240, "height": 150}
RATING_HEIGHT, RATING_WIDTH, STAGE_WIDTH = 120, 150, 52
LONG_TICKS = 5
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LONGEST_LABEL = 200
logger = logging.getLogger(__name__)


def draw(report):
    """The figures of a report (as JSON): [{"key", "title", "description", "svg"}], those that have data.

    `svg` is empty where the figure cannot be drawn: its numbers are in the description all the same.
    """
    stages = figured_stages(report)
    colours = dict(zip([stage["title"] for stage in stages], palette(len(stages)), strict=True))
    drawn = []
    scored = [stage for stage in stages if stage["coherence"] and stage["coherence"]["n"]]
    if scored:
        drawn.append(_distribution(scored, report["bin_edges"], colours))
    for axis in report["axes"]:
        rated = [stage for stage in stages if axis["key"] in stage["scores"]]
        if rated:
            drawn.append(_ratings(axis, rated, colours))
    return drawn


def palette(count):
    """One colour a stage: base and the latest stand out, those between differ."""
    if count < 2:
        return [BEFORE][:count]
    return [BEFORE, *(BETWEEN[place % len(BETWEEN)] for place in range(count - 2)), LATEST]


def _distribution(stages, edges, colours):
    # Each bin's share at its left edge, and at the last right edge the way down to zero.
    rows = [
        {"stage": stage["title"], "at": at, "share": share}
        for stage in stages
        for at, share in zip(edges, [*stage["bins"], 0], strict=True)
    ]
    titles = [stage["title"] for stage in stages]
    colour = alt.Color(
        "stage:N",
        scale=alt.Scale(domain=titles, range=[colours[title] for title in titles]),
        legend=alt.Legend(title=None, orient="top", offset=20, symbolType="square", symbolOpacity=1),
    )
    x = alt.X(
        "at:Q",
        title="cosine of prompt and response",
        scale=alt.Scale(domain=COSINE_RANGE, nice=False),
        # Flush with the ends, the first label would run into the second.
        axis=alt.Axis(labelFlush=False),
    )
    y = alt.Y("share:Q", title="share of responses", axis=alt.Axis(format="%", tickCount=4), stack=None)
    base = alt.Chart(_data(rows)).encode(x=x, y=y, color=colour)
    fill = base.mark_area(interpolate="step-after", opacity=0.16)
    line = base.mark_line(interpolate="step-after", strokeWidth=1.75)
    gammas = sorted({stage["gamma"] for stage in stages})
    marks = [{"at": gamma, "text": f"γ = {gamma:g}"} for gamma in gammas]
    rule = alt.Chart(_data(marks)).mark_rule(color=RULE, strokeDash=[4, 3]).encode(x="at:Q")
    words = (
        alt.Chart(_data(marks))
        .mark_text(baseline="bottom", dy=-3, color=RULE, fontSize=FONT_SIZE)
        .encode(x="at:Q", y=alt.value(0), text="text:N")
    )
    described = "; ".join(
        f"{stage['title']}: mean {stage['coherence']['mean']['value']:.2f}, "
        f"{100 * stage['coherence']['share']['value']:.0f} % at or above γ, n = {stage['coherence']['n']}"
        for stage in stages
    )
    title = "Distribution of cosines before and after"
    svg = _svg(
        alt.layer(fill, line, rule, words).properties(**DISTRIBUTION_SIZE),
        title=title,
        description=f"Histogram of the cosine of prompt and response. {described}.",
    )
    return {"key": "cosines", "title": title, "description": described, "svg": svg}


def _ratings(axis, stages, colours):
    titles = [stage["title"] for stage in stages]
    rows = [
        {
            "stage": stage["title"],
            "mean": stage["scores"][axis["key"]]["value"],
            "low": stage["scores"][axis["key"]]["low"],
            "high": stage["scores"][axis["key"]]["high"],
            "top": stage["scores"][axis["key"]]["high"] or stage["scores"][axis["key"]]["value"],
        }
        for stage in stages
    ]
    x = alt.X(
        "stage:N",
        title=None,
        sort=titles,
        axis=alt.Axis(labelAngle=0, ticks=False, domain=False, labelPadding=6),
    )
    lowest, highest = axis["lowest"], axis["highest"]
    points = Scale(lowest, highest)
    ticks = {"values": list(points.points)} if points.has_steps else {"tickCount": LONG_TICKS}
    scale = alt.Scale(domain=[lowest, highest], nice=False)
    y = alt.Y("mean:Q", title=None, scale=scale, axis=alt.Axis(format="d", **ticks))
    colour = alt.Color(
        "stage:N",
        scale=alt.Scale(domain=titles, range=[colours[title] for title in titles]),
        legend=None,
    )
    base = alt.Chart(_data(rows))
    path = base.mark_line(color=INK, opacity=0.35, strokeWidth=1.25).encode(x=x, y=y)
    whole = alt.Chart(_data([row for row in rows if row["low"] is not None]))
    bars = whole.mark_rule(strokeWidth=1.5).encode(
        x=x, y=alt.Y("low:Q", scale=scale, title=None), y2="high:Q", color=colour
    )
    points = base.mark_point(filled=True, size=60, opacity=1).encode(x=x, y=y, color=colour)
    words = base.mark_text(dy=-9, fontSize=FONT_SIZE, color=RULE).encode(
        x=x, y=alt.Y("top:Q", scale=scale), text=alt.Text("mean:Q", format=".2f")
    )
    described = "; ".join(f"{row['stage']}: {row['mean']:.2f}" for row in rows)
    title = f"{axis['name']}, mean rating"
    svg = _svg(
        alt.layer(path, bars, points, words).properties(
            height=RATING_HEIGHT, width=max(RATING_WIDTH, STAGE_WIDTH * len(stages))
        ),
        title=title,
        description=f"Mean final score from {lowest} to {highest} with its 95 % interval. {described}.",
    )
    return {"key": f"score-{axis['key']}", "title": title, "description": described, "svg": svg}


def _data(rows):
    return alt.InlineData(values=rows)


def _svg(chart, *, title, description):
    """The chart as SVG with a title and a description that screen readers tell; "" where it cannot be drawn."""
    spec = (
        chart.properties(background="transparent", padding=4)
        .configure(font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            tickColor=INK,
            domainColor=INK,
            gridColor=INK,
            gridOpacity=0.14,
            domainOpacity=0.4,
            tickOpacity=0.4,
            labelFontSize=FONT_SIZE,
            titleFontSize=FONT_SIZE,
            titleFontWeight="normal",
        )
        .configure_axisX(grid=False)
        .configure_legend(labelColor=INK, labelFontSize=FONT_SIZE)
    ).to_dict()
    try:
        drawn = vl_convert.vegalite_to_svg(_harmless(spec))
    except ValueError:
        logger.exception("The figure “%s” cannot be drawn.", title)
        return ""
    # Vega's own roles name every mark; one picture with one name is what a reader wants to hear.
    drawn = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", drawn)
    # The page's face and its own class names must not meet Vega's.
    drawn = re.sub(r' class="[^"]*"', "", drawn).replace(' font-family="sans-serif"', "")
    title, description = _xml(title), _xml(description)
    opening = f'<svg role="img" font-family="sans-serif" aria-label="{title}" '
    head = f"<title>{title}</title><desc>{description}</desc>"
    # Whole, and not as the replacement of a pattern, where a backslash in a name would mean something.
    attributes, _, rest = drawn.removeprefix("<svg ").partition(">")
    return f"{opening}{attributes}>{head}{rest}"


def _harmless(part):
    """A part of a specification, its labels on one line, of bounded length, and without the characters at which the
    drawing library ends the whole process."""
    match part:
        case dict():
            return {key: _harmless(value) for key, value in part.items()}
        case list():
            return [_harmless(each) for each in part]
        case str():
            return " ".join(NOT_XML.sub("\ufffd", part[:LONGEST_LABEL]).splitlines())
    return part


def _xml(text):
    """A text that people wrote, as XML takes it: escaped, and without the characters that no XML may hold."""
    return html.escape(NOT_XML.sub("\ufffd", text))
