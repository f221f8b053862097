"""Prompts that people bring: nothing of a file with faults, and every fault named by line and field.

Everything is checked before the first transaction, so that nobody waits for a large file to be read; what came into the
project meanwhile is looked at again inside each.
"""

import hashlib
from itertools import islice
from typing import NamedTuple

from django.db import transaction

from annotation.conversations import Message, digest
from annotation.importing.near import Near
from annotation.importing.reports import PromptReport
from annotation.importing.row_models import PromptRow
from annotation.importing.spool import Spool
from annotation.importing.typed import typed_rows
from annotation.models import Prompt, PromptMessage, PromptTag, PromptWords
from annotation.rows import Faults, quoted
from annotation.searching import words_of
from core import audit
from core.bulk import insert_rows
from core.errors import InvalidInput
from core.locks import lock_project

BATCH = 1000
NO_RECORDS = "Nothing was imported: the file has no records."
# 60 % train, 15 % validation, 25 % held-out: upper ends of the intervals of a number drawn from [0, 1).
SPLIT_ENDS = ((0.60, Prompt.Split.TRAIN), (0.75, Prompt.Split.VALIDATION), (1.0, Prompt.Split.HELD_OUT))
IN_PROJECT = "in the project"


class NewPrompt(NamedTuple):
    """A prompt that was checked and is not yet a row. `drawn`: whether its split was."""

    external_id: str
    messages: tuple[Message, ...]
    digest: str
    split: str
    drawn: bool
    tags: tuple[str, ...]
    reference: str


def draw_split(seed, external_id):
    """The split of a prompt that came without one: 60 % train, 15 % validation, 25 % held-out.

    Depends on the project's seed and the prompt's id alone: stable whatever else the file holds, and in any
    order. The first 8 bytes of sha256("seed:id") make a number in [0, 1).
    """
    digest = hashlib.sha256(f"{seed}:{external_id}".encode()).digest()
    # 53 bits, as many as a float holds, so that the number stays below 1.
    number = (int.from_bytes(digest[:8]) >> 11) / 2**53
    return next(split for end, split in SPLIT_ENDS if number < end)


def preview_prompts(*, project, rows, skip=False, on_prompt=lambda line, prompt: None):
    """What `import_prompts` would bring, without bringing it. Raises the same InvalidInput."""
    with Spool() as spool:
        return _check(project, rows, spool, _next_position(project), skip, on_prompt)


def import_prompts(
    *, project, rows, by, now, skip=False, on_prompt=lambda line, prompt: None, on_batch=lambda count: None
):
    """Take in prompts from `rows` (Rows of a file, or dicts). Returns a PromptReport.

    Fields: `prompt`, or `messages` ([{"role", "content"}, …], the last one the user's); optional `id` (else made from
    the digest), `split` (else drawn, see `draw_split`, or that of a question like it, see near.py), `tags` (a list, or
    words separated by ";"), `reference`.
    Raises InvalidInput naming every fault by line and field, also an id or conversation that is there twice or is in
    the project already; with `skip`, a conversation that the project has is left out and counted instead.

    With a fault nothing is written. What is written goes in by batches, a transaction each, so that nobody waits for
    long; cut off between two of them, the same call with `skip` goes on. `on_batch` is called in each with how many
    prompts it wrote, `on_prompt` with the line and the NewPrompt of each that is new, as they are read.
    """
    seen = _next_position(project)
    with Spool() as spool:
        report = _check(project, rows, spool, seen, skip, on_prompt)
        if _next_position(project) != seen:
            newcomers = Prompt.objects.filter(project=project, position__gte=seen)
            for batch in spool.batches():
                _left_out(newcomers, batch, skip)
        writing = _Writing(project, seen, skip=skip, by=by, now=now)
        for batch in spool.batches():
            with transaction.atomic():
                on_batch(writing.write(batch))
        report.leave_out(writing.left_out)
    return report


class _Writing:
    """Batches of prompts on their way into a project; what came in beside them is looked at again."""

    def __init__(self, project, seen, *, skip, by, now):
        self.project, self.seen, self.skip, self.by, self.now = project, seen, skip, by, now
        self.left_out = self.written = 0

    def write(self, batch):
        """Write what the project does not have of a batch, in a transaction. Returns how many these are."""
        lock_project(self.project)
        start = _next_position(self.project)
        if start != self.seen:
            there = Prompt.objects.filter(project=self.project)
            lines = _left_out(there, batch, self.skip, written=self.written)
            batch = [(line, prompt) for line, prompt in batch if line not in lines]
            self.left_out += len(lines)
        self.seen = start + len(batch)
        self.written += len(batch)
        if batch:
            _write(self.project, [prompt for _, prompt in batch], start, self.now)
            audit.record(
                "prompts:import", self.project, by=self.by, now=self.now, params={"prompts": len(batch)}
            )
        return len(batch)


def _next_position(project):
    """The place behind the project's last prompt: what came in since has this place or one behind."""
    places = Prompt.objects.filter(project=project).order_by("-position").values_list("position", flat=True)
    last = places.first()
    return 0 if last is None else last + 1


def _check(project, rows, spool, seen, skip, on_prompt):
    """Put the rows as NewPrompts into the spool; a PromptReport. Raises InvalidInput with every fault."""
    faults, report = Faults(), PromptReport()
    there = Prompt.objects.filter(project=project) if seen else Prompt.objects.none()
    typed, near = typed_rows(PromptRow, rows, faults), Near(spool, there)
    while batch := [(line, _new_prompt(project, row)) for line, row in islice(typed, BATCH)]:
        ids, digests = _found(there, batch)
        new = []
        for line, prompt in batch:
            if skip and prompt.digest in digests:
                report.found(line)
                continue
            same_digest = IN_PROJECT if prompt.digest in digests else _claim(spool, "d", prompt.digest, line)
            same_id = (
                IN_PROJECT if prompt.external_id in ids else _claim(spool, "i", prompt.external_id, line)
            )
            _tell_twins(faults, line, prompt, same_digest, same_id)
            prompt = _beside_its_like(near, line, prompt, report)
            report.count(prompt)
            on_prompt(line, prompt)
            new.append((line, prompt))
        spool.put(new)
    faults.raise_any()
    if not report.total and not report.there:
        raise InvalidInput(NO_RECORDS)
    return report


def _beside_its_like(near, line, prompt, report):
    """The prompt, in the split of a question like it where its own was drawn."""
    split = near.split_beside(prompt)
    if split is None or split == prompt.split:
        return prompt
    if prompt.drawn:
        report.followed += 1
        return prompt._replace(split=split)
    report.across(line)
    return prompt


def _left_out(there, batch, skip, *, written=0):
    """The lines of a batch whose conversations are among `there`, which came in while the file was read.

    Raises InvalidInput for these without `skip`, and for an id that has another conversation. `written`: how many
    prompts of the file are in the project already.
    """
    faults = Faults()
    ids, digests = _found(there, batch)
    lines = {line for line, prompt in batch if skip and prompt.digest in digests}
    for line, prompt in batch:
        if line not in lines:
            same_digest = IN_PROJECT if prompt.digest in digests else None
            _tell_twins(faults, line, prompt, same_digest, IN_PROJECT if prompt.external_id in ids else None)
    faults.raise_any(f"{written:,} prompts were imported, the rest was not" if written else None)
    return lines


def _new_prompt(project, row):
    its_digest = digest(row.conversation)
    external_id = row.id or f"p-{its_digest[:16]}"
    return NewPrompt(
        external_id=external_id,
        messages=row.conversation,
        digest=its_digest,
        split=str(row.split or draw_split(project.seed, external_id)),
        drawn=row.split is None,
        tags=row.tags,
        reference=row.reference,
    )


def _found(prompts, batch):
    """(ids, digests) of the batch that `prompts` have."""
    ids = prompts.filter(external_id__in=[prompt.external_id for _, prompt in batch])
    digests = prompts.filter(digest__in=[prompt.digest for _, prompt in batch])
    return set(ids.values_list("external_id", flat=True)), set(digests.values_list("digest", flat=True))


def _claim(spool, what, key, line):
    earlier = spool.claim(what + key, line)
    return earlier and f"on line {earlier}"


def _tell_twins(faults, line, prompt, same_digest, same_id):
    """The fault of a prompt whose conversation or id is elsewhere; None where it is not."""
    if same_digest:
        name, what = ("messages", "conversation") if len(prompt.messages) > 1 else ("prompt", "text")
        faults.add(line, name, f"the same {what} is already {same_digest}. Remove one.")
    elif same_id:
        faults.add(line, "id", f"{quoted(prompt.external_id)} is already {same_id}. Give it another.")


def _write(project, prompts, start, now):
    insert_rows(
        Prompt,
        ("external_id", "position", "text", "earlier_count", "digest", "split", "reference"),
        (
            (
                new.external_id,
                start + offset,
                new.messages[-1].text,
                len(new.messages) - 1,
                new.digest,
                new.split,
                new.reference,
            )
            for offset, new in enumerate(prompts)
        ),
        project=project.pk,
        created_at=now,
    )
    places = {"position__gte": start, "position__lt": start + len(prompts)}
    rows = Prompt.objects.filter(project=project, **places).order_by("position").values_list("pk", flat=True)
    keys = list(zip(rows, prompts, strict=True))
    insert_rows(
        PromptMessage,
        ("prompt", "position", "role", "text"),
        (
            (pk, place, message.role, message.text)
            for pk, new in keys
            for place, message in enumerate(new.messages[:-1])
        ),
    )
    insert_rows(PromptTag, ("prompt", "name"), ((pk, tag) for pk, new in keys for tag in new.tags))
    insert_rows(
        PromptWords,
        ("prompt", "text"),
        (
            (pk, words_of(new.external_id, [message.text for message in new.messages], new.tags))
            for pk, new in keys
        ),
        project=project.pk,
    )
