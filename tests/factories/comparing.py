"""Comparison stages, made through the use cases."""

import uuid

from django.db import transaction

from annotation.copies import answers_of, open_comparison
from annotation.models import Pair, PairSlot, Prompt
from annotation.pair_hand_out import take_pair
from annotation.pairs import lock_pair, sides_of
from annotation.preferring import asked_of, submit_preference
from arbitration.labels import finalize_labels
from core import audit
from tests.factories.annotation import rate_all
from tests.factories.arbitration import settle
from tests.factories.core import NOW


def make_comparison(team, model_versions, **fields):
    """The open comparison of these model versions' newest answers to the held-out prompts."""
    responses = answers_of(model_versions, split=Prompt.Split.HELD_OUT)
    return open_comparison(project=team.project, responses=responses, by=team.admin, now=NOW, **fields)


def finish(stage, team, score=4):
    """Every response of the stage rated by all (`score`: a number, or a function of response and expert), settled and
    final."""
    rate_all(stage, team.experts, score=score)
    settle(stage, team.lead)
    finalize_labels(stage=stage, by=team.admin, now=NOW)
    stage.refresh_from_db()
    return stage


def pairs_of(stage):
    """Its pairs, in the order of hand-out."""
    return list(Pair.objects.filter(stage=stage).select_related("one", "other").order_by("position"))


@transaction.atomic
def prefer(pair, expert, better=None, now=NOW, **fields):
    """One expert's preference on one pair: for the response `better` on every axis, or for neither."""
    slot = take_pair(lock_pair(pair.pk), expert=expert, now=now, trail=audit, again=True)
    assert slot is not None, f"No open slot of {pair} for {expert}"
    side = "equal"
    if better is not None:
        side = ("left", "right")[sides_of(slot.pair, slot.pair.stage, expert).index(better.pk)]
    submission = fields.pop("submission", None) or uuid.uuid4()
    choices = dict.fromkeys(asked_of(slot.pair.stage), side)
    return submit_preference(slot=slot, by=expert, choices=choices, submission=submission, now=now, **fields)


def prefer_all(stage, experts, better=lambda pair, expert: None):
    """Every pair of the stage judged by every given expert; `better`: the response they prefer, or None."""
    for pair in pairs_of(stage):
        for expert in experts:
            prefer(pair, expert, better(pair, expert))


def make_pairs_of(stage, expert, responses):
    """(a preference, a slot that is held): of two pairs, made of four responses in a stage that is not open yet."""
    slots = []
    for position, two in enumerate((responses[:2], responses[2:])):
        one, other = two
        pair = Pair.objects.create(
            stage=stage, prompt=one.prompt, one=one, other=other, position=position, created_at=NOW
        )
        slots.append(
            PairSlot.objects.create(
                pair=pair, slot=1, stage=stage, status="leased", expert=expert, lease_until=NOW, again=True
            )
        )
    choices = dict.fromkeys(asked_of(stage), "left")
    given = submit_preference(slot=slots[0], by=expert, choices=choices, submission=uuid.uuid4(), now=NOW)
    return given, slots[1]
