"""Correcting a prompt, as long as no model has answered it."""

from django.db import transaction

from annotation.conversations import USER, as_chat, digest, read_messages
from annotation.models import Prompt, Response, Unanswered
from annotation.searching import write_words
from core import audit
from core.errors import Conflict, InvalidInput
from core.limits import LONGEST_TEXT, text_fault
from core.locks import lock_project, lock_stage
from core.models import Stage
from core.texts import tidy

ANSWERED = (
    "A model has answered this prompt, so it stays as it was asked: set it aside, and import the corrected one under "
    "another id."
)


@transaction.atomic
def correct_prompt(*, prompt, text, by, now, earlier=None, reference=None):
    """Change what a prompt says, until it has a response. Returns the prompt; the audit trail keeps what it said.

    `text`: its question; `earlier`: {position: text} of messages before it; `reference`: what a good answer says. What
    is not given stays. Raises InvalidInput naming every fault, Conflict where it was answered or another prompt says
    the same.
    """
    project = lock_project(prompt.project)
    # Waits for answers that come in at this moment, and keeps others from coming.
    for stage in Stage.objects.filter(project=project, status=Stage.Status.RESPONDING).order_by("pk"):
        lock_stage(stage)
    prompt = Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)
    if Response.objects.filter(prompt=prompt).exists():
        raise Conflict(ANSWERED)
    before, messages = _as_rows(prompt), list(prompt.earlier)
    said = [
        {"role": each.role, "content": (earlier or {}).get(each.position, each.text)} for each in messages
    ]
    conversation, faults = read_messages([*said, {"role": USER, "content": text}], "the conversation")
    reference = prompt.reference if reference is None else tidy(reference)
    told = [f"{where}: {what}" for where, what in faults]
    if what := text_fault(reference, LONGEST_TEXT):
        told.append(f"the reference: {what}")
    if told:
        raise InvalidInput("The prompt is not saved yet.", told)
    prompt.text, prompt.reference, prompt.digest = conversation[-1].text, reference, digest(conversation)
    same = Prompt.objects.filter(project=project, digest=prompt.digest).exclude(pk=prompt.pk).first()
    if same is not None:
        raise Conflict(f"The prompt “{same.external_id}” says the same already.")
    for row, message in zip(messages, conversation[:-1], strict=True):
        row.text = message.text
        row.save(update_fields=["text"])
    prompt.save(update_fields=["text", "reference", "digest"])
    write_words([prompt])
    Unanswered.objects.filter(prompt=prompt, stage__status=Stage.Status.RESPONDING).delete()
    audit.record("prompt:correct", prompt, by=by, now=now, params={"before": before})
    return prompt


def _as_rows(prompt):
    return {"messages": as_chat(prompt.conversation), "reference": prompt.reference}
