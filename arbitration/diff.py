"""What a revised response changes, word by word. Pure."""

import re
from difflib import SequenceMatcher

KEPT, REMOVED, ADDED = "kept", "removed", "added"

WORDS_AND_GAPS = re.compile(r"\s+|[^\s]+")
# Beyond this many words and gaps the comparison would take noticeable time: the texts are shown apart.
LONGEST = 6000


def word_diff(old, new):
    """The pieces [(kind, text)] that lead from `old` to `new`, kind being kept, removed or added.

    The kept and removed pieces joined are `old`, the kept and added ones are `new`.
    """
    before, after = WORDS_AND_GAPS.findall(old), WORDS_AND_GAPS.findall(new)
    if len(before) + len(after) > LONGEST:
        return [(kind, text) for kind, text in ((REMOVED, old), (ADDED, new)) if text]
    pieces = []
    matcher = SequenceMatcher(a=before, b=after, autojunk=False)
    for step, a_start, a_end, b_start, b_end in matcher.get_opcodes():
        if step == "equal":
            pieces.append((KEPT, "".join(before[a_start:a_end])))
            continue
        if a_end > a_start:
            pieces.append((REMOVED, "".join(before[a_start:a_end])))
        if b_end > b_start:
            pieces.append((ADDED, "".join(after[b_start:b_end])))
    return pieces


def normalised(text):
    """`text` with every run of white space as one space, for telling whether two people wrote the same."""
    return " ".join(text.split())
