"""What a revised response changes, word by word. Pure.

Both texts are a stranger's: the comparison takes a number of steps that is bounded, whatever they hold
(docs/decisions/0014).
"""

import re
from dataclasses import dataclass
from itertools import takewhile

from core.texts import recognized

KEPT, REMOVED, ADDED = "kept", "removed", "added"

WORDS_AND_GAPS = re.compile(r"\s+|[^\s]+")
# About an eighth of a second, and a few megabytes; several hundred words and gaps may differ.
MOST_STEPS = 200_000
# Fewer words than this that stayed between two changes are shown as changed with them: a lone "the" is no help.
FEWEST_KEPT = 3


@dataclass(frozen=True)
class Changes:
    """The pieces [(kind, text)] that lead from one text to another, kind being kept, removed or added.

    The kept and removed pieces joined are the old text, the kept and added ones the new. Where the texts differ too
    much, `is_compared` is false, and all between their common beginning and end stands as one change.
    """

    pieces: list
    is_compared: bool = True


def word_diff(old, new):
    """The Changes that lead from `old` to `new`."""
    before, after = WORDS_AND_GAPS.findall(old), WORDS_AND_GAPS.findall(new)
    head = _common(before, after)
    tail = _common(reversed(before[head:]), reversed(after[head:]))
    kept = _longest_common(before[head : len(before) - tail], after[head : len(after) - tail])
    runs = [(0, 0, head)] if head else []
    runs += [(a + head, b + head, length) for a, b, length in kept or []]
    runs += [(len(before) - tail, len(after) - tail, tail)] if tail else []
    return Changes(_pieces(before, after, runs), is_compared=kept is not None)


def normalised(text):
    """`text` with every run of white space as one space, for telling whether two people wrote the same.

    What nobody can see does not count either.
    """
    return " ".join(recognized(text).split())


def _common(one, other):
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _longest_common(before, after):
    """The runs [(place in before, place in after, length)] of a longest common subsequence; None past the bound.

    E. W. Myers, An O(ND) Difference Algorithm, 1986: the furthest place that can be reached with 0, 1, 2 … changes, on
    every diagonal (place in before minus place in after), until the ends of both are reached; then the way back.
    """
    furthest, reached, steps = {1: 0}, [], 0
    for changes in range(len(before) + len(after) + 1):
        reached.append(furthest)
        furthest = {}
        for diagonal in range(-changes, changes + 1, 2):
            a = start = _entered(reached[changes], diagonal, changes)
            b = a - diagonal
            while a < len(before) and b < len(after) and before[a] == after[b]:
                a, b = a + 1, b + 1
            furthest[diagonal] = a
            if a >= len(before) and b >= len(after):
                return _way_back(reached, len(before), len(after))
            steps += 1 + a - start
            if steps > MOST_STEPS:
                return None
    raise AssertionError("As many changes as there are words lead to every text.")


def _entered(furthest, diagonal, changes):
    """Where a diagonal is entered with one change more: from above by an addition, or from the left by a removal."""
    above, left = furthest.get(diagonal + 1, -1), furthest.get(diagonal - 1, -1)
    return above if diagonal == -changes or (diagonal != changes and left < above) else left + 1


def _way_back(reached, a, b):
    runs = []
    for changes in range(len(reached) - 1, -1, -1):
        diagonal = a - b
        start = _entered(reached[changes], diagonal, changes)
        if a > start:
            runs.append((start, start - diagonal, a - start))
        came_from_above = start == reached[changes].get(diagonal + 1, -1)
        a = start if came_from_above else start - 1
        b = a - (diagonal + 1 if came_from_above else diagonal - 1)
    return runs[::-1]


def _pieces(before, after, runs):
    pieces, removed, added = [], "", ""
    a = b = 0
    for place_before, place_after, length in runs:
        removed += "".join(before[a:place_before])
        added += "".join(after[b:place_after])
        a, b = place_before + length, place_after + length
        kept = "".join(before[place_before:a])
        between_changes = (removed or added or pieces) and (a < len(before) or b < len(after))
        if between_changes and len(kept.split()) < FEWEST_KEPT:
            removed, added = removed + kept, added + kept
        else:
            pieces += _change(removed, added) + [(KEPT, kept)]
            removed = added = ""
    return pieces + _change(removed + "".join(before[a:]), added + "".join(after[b:]))


def _change(removed, added):
    return [(kind, text) for kind, text in ((REMOVED, removed), (ADDED, added)) if text]
