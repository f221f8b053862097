"""Simulated experts before two responses side by side: what they feel of each, as when they rate it, and a choice."""

import uuid

from annotation.pair_hand_out import next_pair
from annotation.pairs import laid_out
from annotation.preferring import OVERALL, asked_of, submit_preference
from evaluation.judge import chance, choose, felt_scores


def prefer(stage, people, tempers, sights, *, seed, clock, on_progress):
    """Have all pairs of a stage judged that are open to `people`. Returns how many preferences they gave.

    `tempers`: by user name; `sights`: what there is to see of each response, by its key. An axis beyond those that
    they know, and a choice over all, go by the worst that they feel of a response.
    """
    given, working = 0, list(people)
    while working:
        for person in list(working):
            slot = next_pair(stage=stage, expert=person, now=clock())
            if slot is None:
                working.remove(person)
                continue
            prompt, left, right = laid_out(slot.pair, stage, person)
            felt = []
            for response in (left, right):
                what = (person.username, stage.key, prompt.external_id, response.candidate, "pair")
                felt.append(felt_scores(sights[response.pk], tempers[person.username], chance(seed, *what)))
            submit_preference(
                slot=slot,
                by=person,
                choices={key: choose(*(_felt_on(key, each) for each in felt)) for key in asked_of(stage)},
                submission=uuid.uuid5(uuid.NAMESPACE_OID, f"simulated:pair:{slot.pk}:{person.pk}"),
                now=clock(),
            )
            given += 1
            on_progress("preference")
    return given


def _felt_on(key, felt):
    return min(felt.values()) if key == OVERALL else felt.get(key, min(felt.values()))
