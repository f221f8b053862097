"""The preferences of a project as JSON lines, one object a preference, streamed in constant memory.

README.md beside it lists every field. People appear under the same pseudonyms as in the project's other records.
"""

from django.db.models import Prefetch

from annotation.conversations import as_chat
from annotation.models import Choice, Pair, Preference
from core.models import Stage
from exchange.records import ENCODER, Names

CHUNK = 500


def preference_lines(project, *, stage=None, unfinished=False):
    """Yield a line for each preference that counts, in the order of stages and hand-out.

    `stage`: of this one alone. Only of stages that are final, so that no one learns of preferences in progress;
    `unfinished` adds the others.
    """
    stages = project.stages.exclude(mode=Stage.Mode.RATED).order_by("number")
    stages = stages if unfinished else stages.filter(status__in=Stage.FINAL)
    names = Names(project)
    for each in stages if stage is None else stages.filter(pk=stage.pk):
        for record in _records(each, names):
            yield ENCODER.encode(record) + "\n"


def _records(stage, names):
    choices = Prefetch("choices", Choice.objects.select_related("axis").order_by("axis__position"))
    given = (
        Preference.objects.current()
        .filter(pair__stage=stage)
        .prefetch_related(choices, "pair__prompt__earlier_messages")
    )
    given = given.exclude(pair__status=Pair.Status.SET_ASIDE)
    related = ("pair__prompt", "pair__one", "pair__other")
    for preference in given.select_related(*related).order_by("pair__position", "pk").iterator(CHUNK):
        yield _record(preference, stage, names)


def _record(preference, stage, names):
    pair = preference.pair
    left, right = pair.one, pair.other
    if preference.left_id == right.pk:
        left, right = right, left
    return {
        "prompt": pair.prompt.text,
        "messages": as_chat(pair.prompt.conversation),
        "left": _side(left, names),
        "right": _side(right, names),
        # left, equal or right on each axis; over all by the empty key.
        "preferred": {
            choice.axis.key if choice.axis else "": choice.side for choice in preference.choices.all()
        },
        "expert": names.person(preference.expert_id),
        "simulated": preference.expert_id in names.simulated,
        "comment": preference.comment,
        "seconds": preference.seconds,
        "submitted_at": preference.submitted_at.isoformat(),
        "policy_version": names.policies[preference.policy_id],
        "guidelines_version": names.guidelines[preference.guidelines_id],
        "id": preference.pk,
        "pair_id": pair.pk,
        "prompt_id": pair.prompt.external_id,
        "split": pair.prompt.split,
        "stage": stage.number,
        "stage_kind": stage.kind,
    }


def _side(response, names):
    return {
        "id": response.pk,
        "response": response.text,
        "model": names.models[response.model_version_id],
        "copy_of": response.copy_of_id,
    }
