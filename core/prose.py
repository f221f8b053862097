"""PURE. Markdown of strangers as sanitized HTML: never more work, and never more HTML, than a page can bear.

What would be too much is noticed before it is done; then the text is shown as it was written, and the page says so
(docs/decisions/0014).
"""

import re
from functools import lru_cache
from html import escape

import nh3
from markdown_it import MarkdownIt

LONGEST = 50_000
"""Characters that are set as Markdown: about a quarter of a second."""
MOST_STEPS = 60_000
"""Places that the parser looks at, those of lookaheads included."""
MOST_CELLS = 2_000
"""Cells of all tables, those included that no line spells."""
DEEPEST = 40
"""Quotes and brackets inside one another; a list counts twice."""
MOST_HTML = 8
"""Characters of HTML for each of the text, beside what any short text may take."""
SHORT = 5_000

# Raw HTML stays text: people judge what the model wrote, tags included. nh3 then allows no more than Markdown
# itself can make; pictures are left out because loading one would tell its server who reads what, and when.
TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "blockquote"),
    *("ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
PAGE_LEVELS = 2  # a text's own h1 becomes h3: h1 and h2 belong to the page
DELIMITERS = re.compile(r"[ \t>]*[|:-][|:\- \t]*")
PLAIN = (
    '<p class="tiny muted">Too long or too intricate to be set as Markdown: shown as it was written.</p>'
    '<pre class="plain">{}</pre>'
)


class TooMuch(Exception):
    """Setting a text as Markdown would take more than a page can bear."""


def as_html(text):
    """`text`, untrusted Markdown, as sanitized HTML, headings from h3 on; as plain text where it is too much."""
    try:
        return _set(text)
    except TooMuch:
        return PLAIN.format(escape(text))


@lru_cache(maxsize=16)
def kept_html(text):
    """As `as_html`, for the few texts that stand on many pages, such as guidelines: set once by each process."""
    return as_html(text)


def _set(text):
    if len(text) > LONGEST or _cells(text) > MOST_CELLS:
        raise TooMuch
    tokens = MARKDOWN.parse(text, {"steps": 0})
    # Before the HTML is made: one long address can stand behind many short links.
    if sum(_weight(each) for token in tokens for each in (token, *(token.children or ()))) > _room(text):
        raise TooMuch
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + PAGE_LEVELS, 6)}"
    html = nh3.clean(
        MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}),
        tags=TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    if len(html) > _room(text):
        raise TooMuch
    return html


def _room(text):
    return SHORT + MOST_HTML * len(text)


def _weight(token):
    return len(token.content) + sum(len(str(value)) for value in token.attrs.values())


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


def _block_step(state, _line, _end, _silent):
    return _step(state)


def _inline_step(state, _silent):
    return _step(state)


def _step(state):
    """A rule that never matches: the parser tries it first wherever it looks."""
    state.env["steps"] += 1
    if state.env["steps"] > MOST_STEPS or state.level > DEEPEST:
        raise TooMuch
    return False


def _parser():
    # Past maxNesting the parser leaves things out; TooMuch comes before that.
    options = {"html": False, "breaks": True, "maxNesting": 2 * DEEPEST}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    looks_ahead = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("table", "step", _block_step, looks_ahead)
    parser.inline.ruler.before("text", "step", _inline_step)
    return parser


MARKDOWN = _parser()
