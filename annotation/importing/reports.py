"""What an import brought, or would bring, for the person who brings it."""

from dataclasses import dataclass, field

from annotation.conversations import alternates
from core.texts import control_tokens

LINES_SHOWN = 20


@dataclass
class Report:
    """`total`: how many are new. `there`: how many were there already and are left out; `lines`: the first of these."""

    total: int = 0
    there: int = 0
    lines: list = field(default_factory=list)

    def found(self, line):
        """Count a row that is there already."""
        self.there += 1
        if len(self.lines) < LINES_SHOWN:
            self.lines.append(line)

    def leave_out(self, count):
        """So many of those that were new came in meanwhile."""
        self.total -= count
        self.there += count


@dataclass
class PromptReport(Report):
    """Counts of prompts; `splits` and `tags` by name.

    `drawn`: how many had their split drawn by seed. `conversations`: how many have messages before the question;
    in `uneven` of those user and assistant do not take turns. `marked`: how many spell a chat template's own marks.
    `followed`: how many went into the split of a question like theirs; `apart`: how many are in another split than it,
    as they say themselves, `apart_lines` the first of these.
    """

    drawn: int = 0
    conversations: int = 0
    uneven: int = 0
    marked: int = 0
    with_reference: int = 0
    followed: int = 0
    apart: int = 0
    apart_lines: list = field(default_factory=list)
    splits: dict = field(default_factory=dict)
    tags: dict = field(default_factory=dict)

    def count(self, prompt):
        """Add a NewPrompt."""
        self.total += 1
        self.drawn += prompt.drawn
        self.conversations += len(prompt.messages) > 1
        self.uneven += not alternates(prompt.messages)
        self.marked += any(control_tokens(message.text) for message in prompt.messages)
        self.with_reference += bool(prompt.reference)
        _add(self.splits, prompt.split)
        for tag in prompt.tags:
            _add(self.tags, tag)

    def across(self, line):
        """Count a prompt whose like is in another split."""
        self.apart += 1
        if len(self.apart_lines) < LINES_SHOWN:
            self.apart_lines.append(line)

    @property
    def notes(self):
        """What the person who brings them should know, a sentence each."""
        notes = self._notes_of_likeness()
        if self.conversations:
            notes.append(f"{self.conversations} are conversations with messages before the question.")
        if self.uneven:
            notes.append(
                f"In {self.uneven} of them user and assistant do not take turns: some chat templates refuse those."
            )
        return notes + _notes_of_marks(self.marked)

    def _notes_of_likeness(self):
        notes = []
        if self.followed:
            notes.append(
                f"{self.followed} differ from another question only in case, accents, blanks or punctuation, and went "
                "into its split."
            )
        if self.apart:
            lines = ", ".join(map(str, self.apart_lines)) + ", …" * (self.apart > len(self.apart_lines))
            notes.append(
                f"{self.apart} differ only in case, accents, blanks or punctuation from a question in another split "
                f"(line{'s' * (self.apart > 1)} {lines}): a model would be asked what it has learned. Give them "
                "the same split."
            )
        return notes


@dataclass
class ResponseReport(Report):
    """Counts of responses; `models` by name. `marked`: how many spell a chat template's own marks."""

    marked: int = 0
    models: dict = field(default_factory=dict)

    def count(self, row):
        """Add a ResponseRow."""
        self.total += 1
        self.marked += bool(control_tokens(row.text))
        _add(self.models, row.model)

    @property
    def notes(self):
        """What the person who brings them should know, a sentence each."""
        return _notes_of_marks(self.marked)


def _add(counts, name):
    # No Counter: a template that asks one for its items is told how often it counted “items”.
    counts[name] = counts.get(name, 0) + 1


def _notes_of_marks(count):
    if not count:
        return []
    return [
        f"{count} spell tokens of chat templates, such as <|im_end|>: models read those as plain characters."
    ]
