"""PURE. Characters that nobody can see, or that reorder what is seen, as marks that can be read.

Two measures. `shown` marks, in HTML, what has no business in a text but to deceive or to hide: overrides of the
direction, characters without a width, controls, tags. What a script needs (joiners of Persian and emoji, marks of
direction, soft hyphens) does its work there. `spelled` is for the plain text, and marks all of it, unusual blanks,
tabs and blanks at the ends of lines too.
"""

import re
import unicodedata
from html import escape

MOST_MARKS = 1_000
"""Marks in one text that tell the character's number; each further one is a box without it."""
BOX = "▯"

# A flag is a black flag and tags behind it that end with the cancel tag: no mark there.
_FLAG = "(?P<flag>\U0001f3f4[\U000e0030-\U000e007a]+\U000e007f)"
_ALWAYS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_AT_WORK = "\u00ad\u034f\u061c\u180b-\u180d\u180f\u200c-\u200f\ufe00-\ufe0f"
_BLANKS = "\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
# Joiners and selectors of a form do nothing behind a plain letter, nor selectors in a row, which can carry a message.
_IDLE = r"(?:(?<=[A-Za-z])[\u200c-\u200f\ufe00-\ufe0f]|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f])"
# A run of one character is one mark.
SHOWN = re.compile(f"{_FLAG}|(?P<one>[{_ALWAYS}]|{_IDLE})(?P=one)*")
SPELLED = re.compile(
    f"{_FLAG}|(?P<one>[{_ALWAYS}{_AT_WORK}{_BLANKS}])(?P=one)*|(?P<end>(?<! ) ++(?=\\n|\\Z))"
)
SUSPECT = re.compile(f"[{_ALWAYS}{_AT_WORK}]")  # one class is looked for ten times as quickly
DECEIVING = re.compile(f"[{_ALWAYS}]")


def shown(html):
    """`html`, whose tags and attributes hold none of these characters, with marks for those that deceive or hide."""
    return _marked(SHOWN, html) if SUSPECT.search(html) else html


def spelled(text):
    """`text` as HTML, escaped, with a mark for every character that cannot be seen."""
    return _marked(SPELLED, escape(text))


def deceives(text):
    """Whether a name holds a character that cannot be seen or reorders what is seen."""
    return DECEIVING.search(text) is not None


def _marked(pattern, html):
    left = MOST_MARKS

    def mark(found):
        nonlocal left
        if found["flag"]:
            return found[0]
        left -= 1
        if found["one"] is None:
            return f'<span class="unseen">{"·" * len(found[0])}</span>' if left >= 0 else found[0]
        if left < 0:
            return BOX * len(found[0])
        character, times = found["one"], len(found[0])
        number = f"U+{ord(character):04X}" + (f" × {times}" if times > 1 else "")
        name = unicodedata.name(character, "control character").lower()
        return f'<span class="unseen" title="{name}">{number}</span>'

    return pattern.sub(mark, html)
