"""What a revised response changes, word by word. Pure."""

import re
from difflib import SequenceMatcher

from core.texts import recognized

KEPT, REMOVED, ADDED = "kept", "removed", "added"

WORDS_AND_GAPS = re.compile(r"\s+|[^\s]+")
# Beyond this many words and gaps the comparison would take noticeable time: the texts are shown apart.
LONGEST = 6000
# Fewer words than this that stayed between two changes are shown as changed with them: a lone "the" is no help.
FEWEST_KEPT = 3


def word_diff(old, new):
    """The pieces [(kind, text)] that lead from `old` to `new`, kind being kept, removed or added.

    The kept and removed pieces joined are `old`, the kept and added ones are `new`.
    """
    before, after = WORDS_AND_GAPS.findall(old), WORDS_AND_GAPS.findall(new)
    if len(before) + len(after) > LONGEST:
        return [(kind, text) for kind, text in ((REMOVED, old), (ADDED, new)) if text]
    matcher = SequenceMatcher(a=before, b=after, autojunk=False)
    steps = [
        ("".join(before[a:a_end]), "".join(after[b:b_end]), tag)
        for tag, a, a_end, b, b_end in matcher.get_opcodes()
    ]
    pieces, removed, added = [], "", ""
    for place, (old_part, new_part, tag) in enumerate(steps):
        between_changes = 0 < place < len(steps) - 1
        if tag == "equal" and not (between_changes and len(old_part.split()) < FEWEST_KEPT):
            pieces += _change(removed, added) + [(KEPT, old_part)]
            removed = added = ""
        else:
            removed, added = removed + old_part, added + new_part
    return pieces + _change(removed, added)


def _change(removed, added):
    return [(kind, text) for kind, text in ((REMOVED, removed), (ADDED, added)) if text]


def normalised(text):
    """`text` with every run of white space as one space, for telling whether two people wrote the same.

    What nobody can see does not count either.
    """
    return " ".join(recognized(text).split())
