"""PURE. The dialect of Markdown in which strangers' texts are set: everything they wrote stays to be read.

Common Markdown takes away what it does not need for the page: definitions of references, addresses and titles of
links, backslashes, entities, cells beyond a table's width, the language of code, the numbers of a list. People judge
what was written; so here such things stay as they are, and formulas are left alone (docs/decisions/0021).
"""

import re

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml, isMdAsciiPunct
from markdown_it.rules_block.heading import heading as common_heading
from markdown_it.rules_block.table import table as common_table
from markdown_it.rules_inline.autolink import autolink as common_autolink
from markdown_it.rules_inline.link import link as common_link
from markdown_it.rules_inline.state_inline import Delimiter

LONGEST_FORMULA = 2_000
"""Characters, or lines, within which a formula must end to be one."""
FORMULA = re.compile(
    r"\\\(.+?\\\)|\\\[.+?\\\]|\$\$.+?\$\$|\\begin\{(\w+\*?)\}.*?\\end\{\1\}"
    r"|\$(?![\s$])(?:\\.|[^$\\]){0,300}?(?<!\s)\$(?!\d)",
    re.DOTALL,
)
FORMULA_BLOCK = re.compile(r"(?P<dollars>\$\$)|(?P<bracket>\\\[)|\\begin\{(?P<name>\w+\*?)\}")
# Between letters of these scripts, which set no blanks between words, a star is a mark of emphasis; between others it
# is a star: 2*3*4.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\U0003ffff]")


def dialect(step, options):
    """The parser. `step(state)` is called wherever it looks, and may raise to end it."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True} | options)
    parser.enable(["table", "strikethrough"]).disable(
        ["reference", "image", "entity", "html_block", "html_inline"]
    )
    parser.normalizeLinkText = str
    looks_ahead = {"alt": ["paragraph", "blockquote", "list"]}
    block, inline = parser.block.ruler, parser.inline.ruler
    block.at("table", _table, {"alt": ["paragraph"]})
    block.at("heading", _heading, {"alt": ["paragraph", "blockquote"]})
    block.before("table", "formula", _formula_block(step), looks_ahead)
    block.before("formula", "step", lambda state, _line, _end, _silent: step(state), looks_ahead)
    inline.at("escape", _escape)
    inline.at("emphasis", _emphasis)
    inline.at("link", _link)
    inline.at("autolink", _autolink)
    inline.before("escape", "formula", _formula)
    inline.before("text", "step", lambda state, _silent: step(state))
    for name, rule in (("fence", _set_code), ("formula", _set_formula), ("aside", _set_aside)):
        parser.add_render_rule(name, rule)
    return parser


def _heading(state, line, end, silent):
    """A line that begins with # and a blank; one without any words is what it is."""
    has_words = _line(state, line).strip("# \t")
    return bool(has_words) and common_heading(state, line, end, silent)


def _escape(state, silent):
    """A backslash keeps its character from meaning anything, and stays to be read."""
    escaped = state.src[state.pos + 1 : min(state.pos + 2, state.posMax)]
    if state.src[state.pos] != "\\" or not escaped or not isMdAsciiPunct(ord(escaped)):
        return False
    if not silent:
        token = state.push("text_special", "", 0)
        token.content = token.markup = "\\" + escaped
        token.info = "escape"
    state.pos += 2
    return True


def _emphasis(state, silent):
    """As in common Markdown, but for stars between two letters or digits, and for __names__."""
    marker = state.src[state.pos]
    if silent or marker not in "_*":
        return False
    found = state.scanDelims(state.pos, marker == "*")
    end = state.pos + found.length
    before, after = state.src[max(state.pos - 1, 0) : state.pos], state.src[end : end + 1]
    within = before.isalnum() and after.isalnum() and not UNSPACED.search(before + after)
    is_text = within or (marker == "_" and found.length > 1)
    for _ in range(found.length):
        token = state.push("text", "", 0)
        token.content = marker
        if not is_text:
            place = len(state.tokens) - 1
            state.delimiters.append(
                Delimiter(ord(marker), found.length, place, -1, found.can_open, found.can_close)
            )
    state.pos = end
    return True


def _link(state, silent):
    """A link, and behind it where it leads and what its title says, as they were written."""
    begin = state.pos
    if not common_link(state, silent):
        return False
    if not silent:
        end = state.pos
        address = state.md.helpers.parseLinkLabel(state, begin, True) + 1
        state.pos = end
        _aside(state, state.src[address:end])
    return True


def _autolink(state, silent):
    """<https://…>, angles included."""
    begin, place = state.pos, len(state.tokens) + bool(state.pending)
    if not common_autolink(state, silent):
        return False
    if not silent:
        state.tokens[place + 1].content = state.src[begin : state.pos]
    return True


def _aside(state, text):
    token = state.push("aside", "span", 0)
    token.content = text


def _formula(state, silent):
    if state.src[state.pos] not in "\\$":
        return False
    found = FORMULA.match(state.src, state.pos, min(state.pos + LONGEST_FORMULA, state.posMax))
    if not found:
        return False
    if not silent:
        token = state.push("formula", "code", 0)
        token.content = found[0]
    state.pos = found.end()
    return True


def _formula_block(step):
    def rule(state, line, end, silent):
        """Lines from $$, \\[ or \\begin{…} to where that ends, blank ones and what looks like a list included."""
        begin = state.bMarks[line] + state.tShift[line]
        if state.src[begin : begin + 1] not in ("$", "\\") or state.is_code_block(line):
            return False
        first = _line(state, line)
        found = FORMULA_BLOCK.match(first)
        if not found:
            return False
        closing = "$$" if found["dollars"] else r"\]" if found["bracket"] else rf"\end{{{found['name']}}}"
        within = first[found.end() :]
        for last in range(line, min(end, line + LONGEST_FORMULA)):
            if last > line:
                step(state)
                if state.sCount[last] < state.blkIndent:
                    return False
                within = _line(state, last)
            before, closed, behind = within.partition(closing)
            if closed:
                if behind.strip(" \t.,;:") or last == line and not before.strip():
                    return False
                if not silent:
                    token = state.push("formula", "pre", 0)
                    token.content = state.getLines(line, last + 1, state.sCount[line], False)
                    token.map, token.block = [line, last + 1], True
                    state.line = last + 1
                return True
        return False

    return rule


def _line(state, number):
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _table(state, line, end, silent):
    """A table, unless a row of it has more cells than there are columns: they would be left out."""
    before = len(state.tokens)
    if not common_table(state, line, end, silent):
        return False
    if silent:
        return True
    made, number = state.tokens[before:], 0
    width = sum(token.type == "th_open" for token in made)
    for token in made:
        if token.type == "tr_open":
            cells, number = _cells(_line(state, token.map[0])), 0
            if len(cells) > width:
                del state.tokens[before:]
                state.line = line
                return False
        elif token.type == "inline":
            token.content = cells[number] if number < len(cells) else ""
            number += 1
        elif token.attrs:
            token.attrs = {"class": f"is-{token.attrs['style'].rpartition(':')[2]}"}
    return True


def _cells(line):
    """The cells of a row; a bar behind a backslash belongs to its cell, and so does the backslash."""
    cells = re.split(r"(?<!\\)\|", line.strip(" \t"))
    cells = cells[1:] if cells[0] == "" else cells
    cells = cells[:-1] if cells and cells[-1] == "" else cells
    return [cell.strip(" \t") for cell in cells]


def _set_code(_renderer, tokens, place, _options, _env):
    token = tokens[place]
    language = token.info.strip()
    named = f'<p class="prose__language">{escapeHtml(language)}</p>' if language else ""
    return f'{named}<pre dir="ltr"><code>{escapeHtml(token.content)}</code></pre>\n'


def _set_formula(_renderer, tokens, place, _options, _env):
    token = tokens[place]
    written = f'<code class="formula">{escapeHtml(token.content)}</code>'
    return f'<pre class="formula" dir="ltr">{written}</pre>\n' if token.block else written


def _set_aside(_renderer, tokens, place, _options, _env):
    return f'<span class="prose__aside">{escapeHtml(tokens[place].content)}</span>'
