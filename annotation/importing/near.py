"""Questions that differ from another only in case, accents, blanks or punctuation.

In two splits they would ask a model what it has learned. One whose split is drawn follows the other into its split;
of one whose split is given the person is told.
"""

import hashlib
import re

from core.texts import folded

MOST_COMPARED = 50_000
"""So many prompts of the project a file is compared with; beyond, with its own alone."""
NO_LETTER = re.compile(r"[\W_]+")
FEWEST_LETTERS = 8


class Near:
    """The questions met so far, by their letters alone: those of the project, then those of the file."""

    def __init__(self, spool, prompts):
        self.spool = spool
        if prompts.count() <= MOST_COMPARED:
            alone = prompts.filter(earlier_count=0).order_by("position").values_list("text", "split")
            for text, split in alone.iterator():
                self._first(text, split)

    def split_beside(self, prompt):
        """The split of the first question like that of a NewPrompt; None where it is the first, or follows others."""
        return self._first(prompt.messages[0].text, prompt.split) if len(prompt.messages) == 1 else None

    def _first(self, text, split):
        letters = NO_LETTER.sub("", folded(text))
        if len(letters) < FEWEST_LETTERS:
            return None
        return self.spool.claim("n" + hashlib.sha256(letters.encode()).hexdigest(), split)
