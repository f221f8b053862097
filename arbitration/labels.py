"""Finalizing a stage: every response gets the label it keeps, with where it came from."""

from dataclasses import asdict, dataclass

from django.db import connection, transaction
from django.db.models.functions import Coalesce

from annotation.answers import Answers, load_answers, write_answers
from annotation.counting import count_responses
from annotation.models import Rating, Response
from arbitration.models import AcceptedRevision, Case, Decision, FinalLabel
from arbitration.outcomes import Outcome, Rulebook, chunks, gather
from core.errors import Conflict
from core.locks import lock_stage
from core.models import Stage
from core.transitions import transition, transition_all

BATCH = 1000
Status = Response.Status


class WorkIsOpen(Conflict):
    """The stage cannot be finalized yet. `errors` says what is still open, one sentence each."""

    def __init__(self, open_work):
        super().__init__("The labels cannot be finalized yet: some work is still open.")
        self.errors = open_work


@dataclass
class Finalized:
    """How many responses a finalization labelled, by source, and how many revisions the experts' majority gave."""

    agreed: int = 0
    arbitrated: int = 0
    excluded: int = 0
    revisions: int = 0

    @property
    def total(self):
        return self.agreed + self.arbitrated + self.excluded

    def __str__(self):
        return (
            f"{self.total} final labels: {self.agreed} by agreement, {self.arbitrated} by arbitration, "
            f"{self.excluded} excluded; {self.revisions} revised responses accepted by most experts."
        )


def open_work(stage, count):
    """What still keeps the stage from being finalized: sentences, each with its number. Empty when nothing does.

    `count`: its responses by status (annotation.counting).
    """
    if stage.status == Stage.Status.RESPONDING:
        return ["The stage still waits for its responses."]
    claimed = Case.objects.filter(response__stage=stage, status=Case.Status.CLAIMED).count()
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
    return sentences


@transaction.atomic
def finalize_labels(*, stage, by, now):
    """Freeze the labels of a stage in which nothing is open: RATING → LABELS_FINAL. Returns what was Finalized.

    Agreed responses get their label by the policy's rule, arbitrated ones the lead's decision, and excluded ones
    a label that says so. Text that more than half of a response's k experts wrote as its revision is accepted.
    Raises WorkIsOpen with the list of what is open, and Conflict for a stage that is already final.
    """
    stage = lock_stage(stage)
    if stage.status in Stage.FINAL:
        raise Conflict(f"The labels of {stage} are already final.")
    if sentences := open_work(stage, count_responses(stage)):
        raise WorkIsOpen(sentences)
    done = Finalized()
    _label_agreed(stage, done, by=by, now=now)
    _label_decided(stage, done, by=by, now=now)
    _keep_provenance(stage)
    responses = Response.objects.filter(stage=stage)
    for old in (Status.AGREED, Status.RESOLVED):
        transition_all(
            responses, old=old, to=Status.LABELED, by=by, now=now, about=stage, verb="response:labeled"
        )
    transition(stage, Stage.Status.LABELS_FINAL, by=by, now=now, params=asdict(done))
    return done


def _label_agreed(stage, done, *, by, now):
    rulebook = Rulebook(stage.policy)
    for rows in chunks(_with_k(stage).filter(status=Status.AGREED), "text", "wanted"):
        found = gather([pk for pk, *_ in rows])
        revisions = _accept_most_written(rows, found, rulebook, done, now=now)
        labels = []
        for pk, *_ in rows:
            label = _label(stage, pk, FinalLabel.Source.AGREEMENT, revisions, by, now)
            label.rule = stage.policy.agreement_rule
            labels.append((label, rulebook.agreed(found[pk])))
        _write(labels)
        done.agreed += len(labels)


def _label_decided(stage, done, *, by, now):
    rulebook = Rulebook(stage.policy)
    decided = _with_k(stage).filter(status__in=[Status.RESOLVED, Status.EXCLUDED])
    for rows in chunks(decided, "text", "wanted", "status"):
        found = gather([pk for pk, *_ in rows])
        decisions = _decisions([pk for pk, *_ in rows])
        kept = [(pk, text, k) for pk, text, k, status in rows if status == Status.RESOLVED]
        revisions = _accept_most_written(kept, found, rulebook, done, now=now)
        labels = []
        for pk, *_, status in rows:
            label = _label(stage, pk, FinalLabel.Source.ARBITRATION, revisions, by, now)
            label.decision_id, answers = decisions[pk]
            if status == Status.EXCLUDED:
                outcome = Outcome(Answers(), FinalLabel.Alignment.EXCLUDED)
                done.excluded += 1
            else:
                outcome = rulebook.decided(answers)
                done.arbitrated += 1
            labels.append((label, outcome))
        _write(labels)


def _with_k(stage):
    """The stage's responses, with how many ratings each gets as `wanted`."""
    k = Coalesce("ratings_needed", stage.ratings_per_response)
    return Response.objects.filter(stage=stage).annotate(wanted=k)


def _decisions(response_ids):
    """{response: (decision, its Answers)} of the resolved cases."""
    decisions = Decision.objects.filter(case__response__in=response_ids, case__status=Case.Status.RESOLVED)
    decided = dict(decisions.values_list("case__response_id", "pk"))
    answers = load_answers(Decision, decided.values())
    return {response: (pk, answers[pk]) for response, pk in decided.items()}


def _accept_most_written(rows, found, rulebook, done, *, now):
    """The accepted revision of each response {response: revision}, those that most experts wrote among them."""
    accepted = dict(
        AcceptedRevision.objects.filter(response__in=[pk for pk, *_ in rows]).values_list("response_id", "pk")
    )
    new = []
    for pk, text, k in rows:
        if pk in accepted or not found[pk].revisions:
            continue
        rating = rulebook.most_written(found[pk], text, k)
        if rating is not None:
            written = found[pk].revisions[rating]
            new.append(AcceptedRevision(response_id=pk, rating_id=rating, text=written, created_at=now))
    for revision in AcceptedRevision.objects.bulk_create(new, batch_size=BATCH):
        accepted[revision.response_id] = revision.pk
    done.revisions += len(new)
    return accepted


def _label(stage, response, source, revisions, by, now):
    return FinalLabel(
        response_id=response,
        policy_id=stage.policy_id,
        source=source,
        revision_id=revisions.get(response),
        finalized_by=by,
        created_at=now,
    )


def _write(labels):
    """Store final labels, given as (row, Outcome), with their answers."""
    for label, outcome in labels:
        label.alignment = outcome.alignment
    FinalLabel.objects.bulk_create([label for label, _ in labels], batch_size=BATCH)
    write_answers((label, outcome.answers) for label, outcome in labels)


def _keep_provenance(stage):
    """Join every final label of the stage to the current ratings of its response, in the database: k rows a label."""
    through = FinalLabel.ratings.through._meta.db_table
    label, rating, response = (model._meta.db_table for model in (FinalLabel, Rating, Response))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {through} (finallabel_id, rating_id) "
            f"SELECT {label}.id, {rating}.id FROM {response} "
            f"JOIN {label} ON {label}.response_id = {response}.id "
            f"JOIN {rating} ON {rating}.response_id = {response}.id AND {rating}.superseded_at IS NULL "
            f"WHERE {response}.stage_id = %s",
            [stage.pk],
        )


def _sentence(count, one, many):
    return f"{count} response{'' if count == 1 else 's'} {one if count == 1 else many}."
