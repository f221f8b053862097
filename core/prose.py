"""PURE. Markdown of strangers as sanitized HTML: never more work, and never more HTML, than a page can bear.

What would be too much is noticed before it is done; then the text is shown as it was written, and the page says so
(docs/decisions/0014). Nothing of the text is left out (core/markdown.py), and what cannot be seen is marked
(core/unseen.py).
"""

import re
from functools import lru_cache

import nh3

from core.markdown import dialect
from core.unseen import shown, spelled

LONGEST = 50_000
"""Characters that are set as Markdown: about a quarter of a second."""
MOST_STEPS = 60_000
"""Places that the parser looks at, those of lookaheads included."""
MOST_CELLS = 2_000
"""Cells of all tables, those included that no line spells."""
DEEPEST = 40
"""Quotes and brackets inside one another; a list counts twice."""
MOST_HTML = 8
"""Characters of HTML for each of the text, beside what any short text may take; marks are counted apart."""
SHORT = 5_000

# Raw HTML stays text: people judge what the model wrote, tags included. nh3 then allows no more than Markdown
# itself can make; pictures are left out because loading one would tell its server who reads what, and when.
TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "blockquote", "span"),
    *("ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
CELL = {"is-left", "is-center", "is-right"}
CLASSES = {
    "p": {"prose__language"},
    "span": {"prose__aside"},
    "pre": {"formula"},
    "code": {"formula"},
    "ol": {"is-bracketed"},
    "th": CELL,
    "td": CELL,
}
DIRECTED = ("p", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table", "pre")
PAGE_LEVELS = 2  # a text's own h1 becomes h3: h1 and h2 belong to the page
DELIMITERS = re.compile(r"[ \t>]*[|:-][|:\- \t]*")
TOO_MUCH = (
    '<p class="tiny muted">Too long or too intricate to be set as Markdown: shown as it was written.</p>'
)


class TooMuch(Exception):
    """Setting a text as Markdown would take more than a page can bear."""


def as_html(text):
    """`text`, untrusted Markdown, as sanitized HTML, headings from h3 on; as plain text where it is too much."""
    try:
        return shown(_set(text))
    except TooMuch:
        return TOO_MUCH + as_plain(text)


def as_plain(text):
    """`text` as HTML just as it was written, every character that cannot be seen marked."""
    return f'<pre class="plain" dir="auto">{spelled(text)}</pre>'


@lru_cache(maxsize=16)
def kept_html(text):
    """As `as_html`, for the few texts that stand on many pages, such as guidelines: set once by each process."""
    return as_html(text)


def _set(text):
    if len(text) > LONGEST or _cells(text) > MOST_CELLS:
        raise TooMuch
    tokens = MARKDOWN.parse(text, {"steps": 0})
    for token in tokens:
        _dress(token)
        for each in token.children or ():
            each.attrs.pop("title", None)  # it stands behind the link
    html = nh3.clean(
        MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}),
        tags=TAGS,
        attributes={
            "*": set(),
            "a": {"href"},
            "ol": {"start"},
            "li": {"value"},
            **{tag: {"dir"} for tag in DIRECTED},
        },
        allowed_classes=CLASSES,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )
    if len(html) > _room(text):
        raise TooMuch
    return html


def _dress(token):
    """A heading's level on the page, an item's own number, the direction of what stands by itself."""
    if token.type in ("heading_open", "heading_close"):
        token.tag = f"h{min(int(token.tag[1]) + PAGE_LEVELS, 6)}"
    elif token.type == "list_item_open" and token.info:
        token.attrSet("value", token.info)
    elif token.type == "ordered_list_open" and token.markup == ")":
        token.attrSet("class", "is-bracketed")
    if token.nesting == 1 and token.level == 0:
        token.attrSet("dir", "auto")


def _room(text):
    return SHORT + MOST_HTML * len(text)


def _cells(text):
    """How many cells the tables of `text` can have at most: every line of one is filled up to its header's width."""
    cells = width = 0
    for line in text.splitlines():
        if "|" in line and DELIMITERS.fullmatch(line):
            width = max(width, line.count("|") + 1)
        elif not line.strip(" \t>"):
            width = 0
        cells += width
    return cells


def _step(state):
    """A rule that never matches: the parser tries it first wherever it looks."""
    state.env["steps"] += 1
    if state.env["steps"] > MOST_STEPS or state.level > DEEPEST:
        raise TooMuch
    return False


# Past maxNesting the parser leaves things out; TooMuch comes before that.
MARKDOWN = dialect(_step, {"maxNesting": 2 * DEEPEST})
