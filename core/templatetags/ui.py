"""Template tags and filters of the design system; docs/ui.md shows each in use. A builtin: no {% load %}."""

import math

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext

from core.addresses import address_of
from core.forms import in_order
from core.guidelines import current
from core.models import Guidelines
from core.prose import TOO_MUCH, as_html, as_plain, kept_html
from core.staff import lay_out
from core.unseen import shown, spelled

register = template.Library()

NO_VALUE = "–"


@register.filter
def markdown(text):
    """`text`, untrusted Markdown, as sanitized HTML; headings begin at h3. As plain text where it is too much."""
    return mark_safe(as_html(text or ""))


@register.simple_tag
def prose(text, small=False):
    """`text`, untrusted Markdown, set on the page, and beside it just as it was written; see _plain_switch.html."""
    set_text = markdown(text)
    plain = "" if set_text.startswith(TOO_MUCH) else as_plain(text)
    look = "prose prose--small" if small else "prose"
    return mark_safe(f'<div class="{look}" dir="auto">{set_text}</div>{plain}')


@register.filter(name="spelled")
def as_written(text):
    """Words that are not Markdown, as they were written, every character marked that cannot be seen."""
    return mark_safe(spelled(text))


@register.filter
def glimpse(text, length):
    """The beginning of a text on one line, with marks for what hides or reorders."""
    return mark_safe(shown(escape(Truncator(text).chars(int(length)))))


@register.filter
def guidelines(of):
    """The guidelines of a project, or one version of them, as `markdown`: set once by each process."""
    version = of if isinstance(of, Guidelines) else current(of)
    if not version.text:
        return format_html('<p class="muted">{}</p>', gettext("No guidelines are written yet."))
    return mark_safe(kept_html(version.text))


register.filter("in_order", in_order)


@register.filter
def address(row):
    """What a page calls a slot, response, rating or case: its key would tell the order in which rows came in."""
    return address_of(row)


@register.filter
def share(value, decimals=0):
    """A share from 0 to 1 as a percentage: 0.4213|share → "42 %", |share:1 → "42.1 %"; None → "–"."""
    return NO_VALUE if value is None else f"{100 * value:.{int(decimals)}f} %"


@register.filter
def fixed(value, decimals=2):
    """A number with that many decimals; "–" for None and NaN, which mean "not defined"."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NO_VALUE
    return f"{value:.{int(decimals)}f}"


@register.filter
def ramp(value, scale):
    """The class of a score's look on its axis' range, "at-1" (poor) … "at-5"; means round half up; "" for None.

    `scale`: the range, or the axis.
    """
    return "" if value is None else f"at-{getattr(scale, 'scale', scale).look(value)}"


@register.inclusion_tag("components/_dot_plot.html")
def dot_plot(axis, scores, tau=None, final=None):
    """One axis' ratings as notes on its lines, or along its ruler where the range is long.

    `scores`: pairs (who, value), `who` a pseudonym or name of which two characters are drawn; `tau`: the axis'
    tolerance, which decides whether the row reads as diverging; `final`: the consensus, drawn as a diamond.
    """
    scores = list(scores)
    layout = lay_out(scores, axis.scale, final)
    return {
        "name": axis.name,
        "scale": axis.scale,
        "layout": layout,
        "scores": scores,
        "tau": tau,
        "diverging": tau is not None and layout["spread"] is not None and layout["spread"] > tau,
        "final": final,
    }


@register.simple_tag
def term(name, symbol=""):
    """A button that opens the glossary at an entry of `components/_glossary.html`; it shows the symbol, else "?"."""
    said = f"What {symbol} means" if symbol else "What this means"
    return format_html(
        '<button type="button" class="term" data-dialog="glossary" data-term="term-{}" aria-label="{}">{}</button>',
        name,
        said,
        symbol or "?",
    )


@register.inclusion_tag("components/_status_badge.html")
def status_badge(row):
    """The badge of any row with `status` and its model's `COLOURS`."""
    return {
        "label": row.get_status_display(),
        "tone": row.COLOURS[row.status],
        "live": row.status == "running",
    }


@register.inclusion_tag("components/_line_chart.html")
def line_chart(name, series, x_label="", y_label=""):
    """A small line chart as inline SVG, redrawn by polling its fragment.

    `series`: pairs (name, points), points being (x, y) pairs in order of x; at most four series are told apart.
    Axes begin and end at round numbers. Without a point the chart says that it waits.
    """
    points = [point for _, line in series for point in line if math.isfinite(point[1])]
    if not points:
        return {"name": name, "empty": True}
    x_ticks = round_ticks(min(x for x, _ in points), max(x for x, _ in points))
    y_ticks = round_ticks(min(y for _, y in points), max(y for _, y in points))

    def place(x, y):
        left = 100 * (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        top = 100 - 100 * (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return f"{left:.2f},{top:.2f}"

    drawn = []
    for number, (label, line) in enumerate(series, start=1):
        finite = [(x, y) for x, y in line if math.isfinite(y)]
        if finite:
            drawn.append(
                {
                    "name": label,
                    "number": number,
                    "path": " ".join(place(x, y) for x, y in finite),
                    "last": place(*finite[-1]),
                    "last_x": finite[-1][0],
                    "last_value": _told(finite[-1][1]),
                }
            )
    return {
        "name": name,
        "series": drawn,
        "x_label": x_label,
        "y_label": y_label,
        "x_ticks": [_tick(tick) for tick in x_ticks],
        "y_ticks": [_tick(tick) for tick in reversed(y_ticks)],
        "grid": [100 * step / (len(y_ticks) - 1) for step in range(len(y_ticks))],
    }


def round_ticks(low, high, about=4):
    """Evenly spaced round numbers that enclose [low, high], about `about` steps of 1, 2 or 5 × 10ⁿ."""
    if high == low:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _told(value):
    """A value beside its curve: three decimals, or as many digits where it is smaller than these can tell."""
    return f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{value:,.3f}"


def _tick(value):
    return f"{value:,.6g}"
