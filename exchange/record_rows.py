"""What records are made of, read as plain tuples: a chunk of responses at a time, by where the last one ended.

An object for each of a million rows would take longer than reading them.
"""

from collections import defaultdict, namedtuple

from django.db.models import F

from annotation.answers import load_answers
from annotation.models import PromptMessage, Rating
from arbitration.models import FinalLabel
from core.bulk import Among
from evaluation.models import CoherenceScore

CHUNK = 1000  # responses read at once

RESPONSE = {
    "pk": "pk",
    "prompt_pk": "prompt_id",
    "prompt": "prompt__text",
    "earlier": "prompt__earlier_count",
    "prompt_id": "prompt__external_id",
    "split": "prompt__split",
    "text": "text",
    "model": "model_version_id",
    "copy_of": "copy_of_id",
    "candidate": "candidate",
    "position": "position",
    "status": "status",
    "set_aside": "set_aside__reason",
    "seed": "seed",
    "sampling": "sampling_id",
    "temperature": "sampling__temperature",
    "top_p": "sampling__top_p",
    "max_new_tokens": "sampling__max_new_tokens",
    "repetition_penalty": "sampling__repetition_penalty",
    "label": "final_label__pk",
    "alignment": "final_label__alignment",
    "source": "final_label__source",
    "rule": "final_label__rule",
    "policy": "final_label__policy_id",
    "finalized_by": "final_label__finalized_by_id",
    "finalized_at": "final_label__created_at",
    "revision": "final_label__revision__text",
    "decision": "final_label__decision_id",
    "decided_by": "final_label__decision__lead_id",
    "decided_at": "final_label__decision__created_at",
    "outcome": "final_label__decision__outcome",
    "rationale": "final_label__decision__rationale",
}
RATING = {
    "pk": "pk",
    "response": "response_id",
    "expert": "expert_id",
    "policy": "policy_id",
    "guidelines": "guidelines_id",
    "comment": "comment",
    "revised_response": "revised_response",
    "asks_senior": "asks_senior",
    "submitted_at": "submitted_at",
    "superseded_at": "superseded_at",
    "supersedes": "supersedes_id",
}
ResponseRow = namedtuple("ResponseRow", RESPONSE)
RatingRow = namedtuple("RatingRow", RATING)


def chunks(responses, stage):
    """ResponseRows of a stage in the order of its hand-out, `CHUNK` at a time. `responses` narrows them down."""
    responses, after = responses.filter(stage=stage).order_by("position"), -1
    while True:
        found = responses.filter(position__gt=after).values_list(*RESPONSE.values())[:CHUNK]
        rows = [ResponseRow._make(row) for row in found]
        if rows:
            yield rows
        if len(rows) < CHUNK:
            return
        after = rows[-1].position


class Around:
    """What belongs to a chunk of responses.

    `earlier`: {prompt: the messages before its question, as they are imported}; `ratings`: {response: its RatingRows
    in the order in which they were given}, `superseded` those that count no more; `given`, `final`: {rating or final
    label: its Answers}; `counted`: {final label: keys of the ratings it rests on}; `cosines`: {response: (cosine,
    whether it declines)} under `encoder`.
    """

    def __init__(self, rows, encoder):
        responses, labels = [row.pk for row in rows], [row.label for row in rows if row.label]
        self.earlier, self.ratings, self.counted = defaultdict(list), defaultdict(list), defaultdict(list)
        spoken = PromptMessage.objects.filter(prompt__in={row.prompt_pk for row in rows if row.earlier})
        for prompt, role, text in spoken.values_list("prompt", "role", "text"):
            self.earlier[prompt].append({"role": role, "content": text})
        given = Rating.objects.current().filter(Among(F("response_id"), responses)).order_by("pk")
        ratings = list(map(RatingRow._make, given.values_list(*RATING.values())))
        for rating in ratings:
            self.ratings[rating.response].append(rating)
        superseded = Rating.objects.superseded().filter(Among(F("response_id"), responses)).order_by("pk")
        superseded = list(map(RatingRow._make, superseded.values_list(*RATING.values())))
        self.superseded = defaultdict(list)
        for rating in superseded:
            self.superseded[rating.response].append(rating)
        self.given = load_answers(Rating, [rating.pk for rating in [*ratings, *superseded]])
        self.final = load_answers(FinalLabel, labels)
        through = FinalLabel.ratings.through.objects.filter(Among(F("finallabel_id"), labels))
        for label, rating in through.values_list("finallabel_id", "rating_id"):
            self.counted[label].append(rating)
        cosines = CoherenceScore.objects.filter(Among(F("response_id"), responses), encoder=encoder)
        self.cosines = {
            response: rest for response, *rest in cosines.values_list("response_id", "cosine", "is_refusal")
        }
