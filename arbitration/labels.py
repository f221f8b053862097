"""Finalizing a stage: every response gets the label it keeps, with where it came from."""

from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce

from annotation.counting import count_responses
from annotation.models import Rating, Response
from annotation.pairs import awaiting
from annotation.setting_aside import set_aside_what_is_open
from arbitration.diff import normalised
from arbitration.label_statements import write_final_labels
from arbitration.models import AcceptedRevision, Case
from arbitration.outcomes import chunks, gather, most_written, rejected_of
from arbitration.revisions import drop_outdated
from core.errors import Conflict
from core.locks import lock_stage
from core.models import Stage
from core.transitions import transition, transition_all

Status = Response.Status


class WorkIsOpen(Conflict):
    """The stage cannot be finalized yet. `errors` says what is still open, one sentence each."""

    def __init__(self, open_work):
        super().__init__("The labels cannot be finalized yet: some work is still open.")
        self.errors = open_work


@dataclass
class Finalized:
    """How many responses a finalization labelled, by source, how many it set aside, and how many revisions the experts'
    majority gave."""

    agreed: int = 0
    arbitrated: int = 0
    excluded: int = 0
    set_aside: int = 0
    revisions: int = 0

    @property
    def total(self):
        return self.agreed + self.arbitrated + self.excluded

    def __str__(self):
        aside = f" {self.set_aside} responses that were open are set aside." if self.set_aside else ""
        return (
            f"{self.total} final labels: {self.agreed} by agreement, {self.arbitrated} by arbitration, "
            f"{self.excluded} excluded; {self.revisions} revised responses accepted by most experts.{aside}"
        )


def open_work(stage, count):
    """What still keeps the stage from being finalized: sentences, each with its number. Empty when nothing does.

    `count`: its responses by status (annotation.counting).
    """
    if stage.status == Stage.Status.RESPONDING:
        return ["The stage still waits for its responses."]
    claimed = claimed_cases(stage).count()
    sentences = []
    if not sum(count.values()):
        sentences.append("The stage has no responses.")
    if count.get(Status.AWAITING_RATINGS):
        sentences.append(_sentence(count[Status.AWAITING_RATINGS], "awaits ratings", "await ratings"))
    waiting = count.get(Status.DIVERGENT, 0) - claimed
    if waiting > 0:
        sentences.append(_sentence(waiting, "waits for a lead", "wait for a lead"))
    if claimed:
        sentences.append(_sentence(claimed, "is before a lead now", "are before a lead now"))
    if pairs := awaiting(stage):
        sentences.append(
            f"{pairs} pair{'' if pairs == 1 else 's'} of responses await{'s' * (pairs == 1)} preferences."
        )
    return sentences


def claimed_cases(stage):
    """The cases before a lead now. One whose response was set aside meanwhile runs out by itself."""
    return Case.objects.current().filter(
        response__stage=stage, response__status=Status.DIVERGENT, status=Case.Status.CLAIMED
    )


@transaction.atomic
def finalize_labels(*, stage, by, now, set_aside_because=""):
    """Freeze the labels of a stage in which nothing is open: RATING → LABELS_FINAL. Returns what was Finalized.

    What is open is set aside before where a reason for that is given: it gets no label and is counted. Agreed responses
    get their label by the policy's rule, arbitrated ones the lead's decision, and excluded ones a label that says so.
    Text that more than half of a response's k experts wrote as its revision is accepted, unless a lead rejected it.
    Raises WorkIsOpen with the list of what is open, and Conflict for a stage that is already final.
    """
    stage = lock_stage(stage)
    if stage.status in Stage.FINAL:
        raise Conflict(f"The labels of {stage} are already final.")
    aside = 0
    if set_aside_because and stage.status == Stage.Status.RATING:
        aside = set_aside_what_is_open(stage, reason=set_aside_because, by=by, now=now)
    count = count_responses(stage)
    if sentences := open_work(stage, count):
        raise WorkIsOpen(sentences)
    done = Finalized(
        agreed=count.get(Status.AGREED, 0),
        arbitrated=count.get(Status.RESOLVED, 0),
        excluded=count.get(Status.EXCLUDED, 0),
        set_aside=aside,
        revisions=_accept_most_written(stage, now=now),
    )
    write_final_labels(stage, by=by, now=now)
    responses = Response.objects.filter(stage=stage)
    for old in (Status.AGREED, Status.RESOLVED):
        transition_all(
            responses, old=old, to=Status.LABELED, by=by, now=now, about=stage, verb="response:labeled"
        )
    transition(stage, Stage.Status.LABELS_FINAL, by=by, now=now, params=asdict(done))
    return done


def _accept_most_written(stage, *, now):
    """Accept the text that most experts wrote for a response, wherever none is accepted yet; returns how many."""
    revised = Rating.objects.current().filter(response=OuterRef("pk")).exclude(revised_response="")
    # What a correction took away with its rating makes room for what most experts wrote since.
    drop_outdated(AcceptedRevision.objects.filter(response__stage=stage), now=now)
    accepted = AcceptedRevision.objects.standing().filter(response=OuterRef("pk"))
    responses = Response.objects.filter(
        Exists(revised), ~Exists(accepted), stage=stage, status__in=[Status.AGREED, Status.RESOLVED]
    ).annotate(wanted=Coalesce("ratings_needed", stage.ratings_per_response))
    number = 0
    for rows in chunks(responses, "text", "wanted"):
        found = gather([pk for pk, *_ in rows])
        refused = rejected_of([key for pk, *_ in rows for key in found[pk].revisions])
        new = []
        for pk, text, k in rows:
            revisions = found[pk].revisions
            unwanted = {normalised(revisions[rating]) for rating in revisions.keys() & refused}
            revisions = {key: each for key, each in revisions.items() if normalised(each) not in unwanted}
            rating = most_written(revisions, text, max(k, len(found[pk].ratings)))
            if rating is not None:
                new.append(
                    AcceptedRevision(response_id=pk, rating_id=rating, text=revisions[rating], created_at=now)
                )
        AcceptedRevision.objects.bulk_create(new)
        number += len(new)
    return number


def _sentence(count, one, many):
    return f"{count} response{'' if count == 1 else 's'} {one if count == 1 else many}."
