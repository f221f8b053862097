"""Prompts and responses that people bring: all or nothing, every fault named by line and field."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from django.db import transaction

from annotation.checking import (
    Faults,
    candidate_of,
    check_fields,
    messages_of,
    split_of,
    tags_of,
    text_of,
    word_of,
)
from annotation.conversations import Message, alternates, digest
from annotation.models import Prompt, PromptMessage, PromptTag, Response
from annotation.responses import NewResponse, add_responses, record_import
from annotation.rows import numbered
from core import audit
from core.errors import Conflict, InvalidInput
from core.models import ModelVersion, Project, Stage
from core.texts import control_tokens

BATCH = 1000
PROMPT_FIELDS = ("prompt", "messages", "id", "split", "tags", "reference")
RESPONSE_FIELDS = ("prompt_id", "text", "model", "candidate")
# 60 % train, 15 % validation, 25 % held-out: upper ends of the intervals of a number drawn from [0, 1).
SPLIT_ENDS = ((0.60, Prompt.Split.TRAIN), (0.75, Prompt.Split.VALIDATION), (1.0, Prompt.Split.HELD_OUT))


@dataclass
class PromptReport:
    """What an import of prompts brought, or would bring, as counts; `splits` and `tags` by name.

    `drawn`: how many had their split drawn by seed. `conversations`: how many have messages before the question;
    in `uneven` of those user and assistant do not take turns. `marked`: how many spell a chat template's own marks.
    """

    total: int = 0
    drawn: int = 0
    conversations: int = 0
    uneven: int = 0
    marked: int = 0
    with_reference: int = 0
    splits: dict = field(default_factory=dict)
    tags: dict = field(default_factory=dict)

    @property
    def notes(self):
        """What the person who brings them should know, a sentence each."""
        notes = []
        if self.conversations:
            notes.append(f"{self.conversations} are conversations with messages before the question.")
        if self.uneven:
            notes.append(
                f"In {self.uneven} of them user and assistant do not take turns: some chat templates refuse those."
            )
        return notes + _notes_of_marks(self.marked)


@dataclass
class ResponseReport:
    """What an import of responses brought. `marked`: how many spell a chat template's own marks."""

    total: int = 0
    marked: int = 0
    models: dict = field(default_factory=dict)

    @property
    def notes(self):
        """What the person who brings them should know, a sentence each."""
        return _notes_of_marks(self.marked)


def _notes_of_marks(count):
    if not count:
        return []
    return [
        f"{count} spell tokens of chat templates, such as <|im_end|>: models read those as plain characters."
    ]


def draw_split(seed, external_id):
    """The split of a prompt that came without one: 60 % train, 15 % validation, 25 % held-out.

    Depends on the project's seed and the prompt's id alone: stable whatever else the file holds, and in any
    order. The first 8 bytes of sha256("seed:id") make a number in [0, 1).
    """
    digest = hashlib.sha256(f"{seed}:{external_id}".encode()).digest()
    # 53 bits, as many as a float holds, so that the number stays below 1.
    number = (int.from_bytes(digest[:8]) >> 11) / 2**53
    return next(split for end, split in SPLIT_ENDS if number < end)


def preview_prompts(*, project, rows):
    """What `import_prompts` would bring, without bringing it. Raises the same InvalidInput."""
    return _report(_checked_prompts(project, rows))


@transaction.atomic
def import_prompts(*, project, rows, by, now):
    """Take in prompts from `rows` (Rows of a file, or dicts): all of them, or none. Returns a PromptReport.

    Fields: `prompt`, or `messages` ([{"role", "content"}, …], the last one the user's); optional `id` (else made from
    the digest), `split` (else drawn, see `draw_split`), `tags` (a list, or words separated by ";"), `reference`.
    Raises InvalidInput naming every fault by line and field, also an id or conversation that is there twice or is in
    the project already.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    checked = _checked_prompts(project, rows)
    last = (
        Prompt.objects.filter(project=project)
        .order_by("-position")
        .values_list("position", flat=True)
        .first()
    )
    start = 0 if last is None else last + 1
    for begin in range(0, len(checked), BATCH):
        batch = checked[begin : begin + BATCH]
        prompts = Prompt.objects.bulk_create(
            Prompt(
                project=project,
                external_id=new.external_id,
                position=start + begin + offset,
                text=new.question,
                earlier_count=len(new.earlier),
                digest=new.digest,
                split=new.split,
                reference=new.reference,
                created_at=now,
            )
            for offset, new in enumerate(batch)
        )
        PromptMessage.objects.bulk_create(
            PromptMessage(prompt=prompt, position=place, role=message.role, text=message.text)
            for prompt, new in zip(prompts, batch, strict=True)
            for place, message in enumerate(new.earlier)
        )
        PromptTag.objects.bulk_create(
            PromptTag(prompt=prompt, name=tag)
            for prompt, new in zip(prompts, batch, strict=True)
            for tag in new.tags
        )
    report = _report(checked)
    audit.record("prompts:import", project, by=by, now=now, detail=f"{report.total} prompts")
    return report


@transaction.atomic
def import_responses(*, stage, rows, by, now):
    """Take in a stage's responses from `rows` instead of generating them: all or none. Returns a ResponseReport.

    Fields: `prompt_id`, `text`, `model` (its name; made known if it is new); optional `candidate` (0 if one
    answer a prompt). Raises InvalidInput naming every fault by line and field, Conflict once rating is open.
    """
    stage = (
        Stage.objects.select_for_update(of=("self",), no_key=True)
        .select_related("model_version")
        .get(pk=stage.pk)
    )
    if stage.status != Stage.Status.RESPONDING:
        raise Conflict("This stage takes no more responses: rating has begun.")
    checked = _checked_responses(stage, rows)
    report = ResponseReport(
        total=len(checked),
        marked=sum(bool(control_tokens(text)) for _, text, _, _ in checked),
        models=dict(Counter(model for _, _, model, _ in checked)),
    )
    models = {}
    for name in report.models:
        models[name], _ = ModelVersion.objects.get_or_create(
            project=stage.project, name=name, defaults={"created_at": now}
        )
    answers = (
        NewResponse(prompt, text, models[model], candidate) for prompt, text, model, candidate in checked
    )
    add_responses(stage=stage, answers=answers, now=now)
    record_import(stage, report.total, by=by, now=now)
    return report


@dataclass(frozen=True)
class _NewPrompt:
    external_id: str
    messages: tuple[Message, ...]
    digest: str
    split: str
    drawn: bool
    tags: tuple
    reference: str

    @property
    def earlier(self):
        return self.messages[:-1]

    @property
    def question(self):
        return self.messages[-1].text


def _report(checked):
    return PromptReport(
        total=len(checked),
        drawn=sum(new.drawn for new in checked),
        conversations=sum(bool(new.earlier) for new in checked),
        uneven=sum(not alternates(new.messages) for new in checked),
        marked=sum(any(control_tokens(each.text) for each in new.messages) for new in checked),
        with_reference=sum(bool(new.reference) for new in checked),
        splits=dict(Counter(str(new.split) for new in checked)),
        tags=dict(Counter(tag for new in checked for tag in new.tags)),
    )


def _checked_prompts(project, rows):
    faults, checked = Faults(), []
    known = Prompt.objects.filter(project=project)
    ids = dict.fromkeys(known.values_list("external_id", flat=True), "in the project")
    digests = dict.fromkeys(known.values_list("digest", flat=True), "in the project")
    read = 0
    for row in numbered(rows, faults):
        read += 1
        check_fields(row, PROMPT_FIELDS, faults)
        messages = messages_of(row, faults)
        reference = text_of(row, "reference", faults)
        external_id = word_of(row, "id", faults, longest=200)
        tags = tags_of(row, faults)
        split = split_of(row, faults)
        if not messages:
            continue
        its_digest = digest(messages)
        external_id = external_id or f"p-{its_digest[:16]}"
        if its_digest in digests:
            name, what = ("messages", "conversation") if len(messages) > 1 else ("prompt", "text")
            faults.add(row.line, name, f"the same {what} is already {digests[its_digest]}. Remove one.")
        elif external_id in ids:
            faults.add(row.line, "id", f"“{external_id}” is already {ids[external_id]}. Give it another.")
        ids.setdefault(external_id, f"on line {row.line}")
        digests.setdefault(its_digest, f"on line {row.line}")
        drawn = split is None
        checked.append(
            _NewPrompt(
                external_id=external_id,
                messages=messages,
                digest=its_digest,
                split=draw_split(project.seed, external_id) if drawn else split,
                drawn=drawn,
                tags=tags,
                reference=reference,
            )
        )
    faults.raise_any()
    if not read:
        raise InvalidInput("Nothing was imported: the file has no records.")
    return checked


def _checked_responses(stage, rows):
    faults, checked, seen = Faults(), [], {}
    prompts = dict(Prompt.objects.filter(project=stage.project_id).values_list("external_id", "pk"))
    there = set(Response.objects.filter(stage=stage).values_list("prompt", "candidate"))
    own_model = stage.model_version.name if stage.model_version else None
    for row in numbered(rows, faults):
        check_fields(row, RESPONSE_FIELDS, faults)
        external_id = word_of(row, "prompt_id", faults, longest=200, required=True)
        text = text_of(row, "text", faults, required=True)
        model = word_of(row, "model", faults, longest=200, required=True)
        candidate = candidate_of(row, faults)
        if external_id and external_id not in prompts:
            faults.add(row.line, "prompt_id", f"the project has no prompt “{external_id}”.")
        if model and own_model and model != own_model:
            faults.add(row.line, "model", f"this stage is answered by “{own_model}” alone.")
        key = (prompts.get(external_id), candidate)
        if key in there:
            faults.add(row.line, "prompt_id", "the stage already has this response. Remove the line.")
        elif key in seen:
            faults.add(row.line, "prompt_id", f"the same prompt and candidate stand on line {seen[key]}.")
        if key[0] is not None:
            seen.setdefault(key, row.line)
        checked.append((key[0], text, model, candidate))
    faults.raise_any()
    if not checked:
        raise InvalidInput("Nothing was imported: the file has no records.")
    return checked
