"""What rests on ratings that an admin would withdraw, and the act itself."""

from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, Q

from annotation.answers import load_answers
from annotation.models import Rating
from annotation.retracting import retract_ratings, retractable
from arbitration.models import FinalLabel
from arbitration.outcomes import Gathered, Rulebook
from core.models import Stage
from training.models import TrainingExample
from training.sources import learned_from, note_again, sets_of_ratings

LEARNED_ALONE = (TrainingExample.Kind.AS_IS, TrainingExample.Kind.REVISED)
MOST_LABELS = 500
"""Of more final labels as many are worked out again; their number is told."""


@dataclass
class RestsOnThem:
    """What rests on ratings that are to be withdrawn.

    `open_ratings` stand in stages that are open: their responses await others in their place. `labels` are final labels
    that rest on the others, `decided` those of them that a lead decided. Of `looked_at` labels that experts agreed on,
    finalizing again without the ratings would change the scores or answers of `changed`, the class of
    `other_class`, and leave `unrated` without any rating. `falling_out` labels would not be learned
    any more as they are or as revised; of pairs nothing is worked out.
    """

    ratings: int = 0
    open_ratings: int = 0
    labels: int = 0
    decided: int = 0
    looked_at: int = 0
    changed: int = 0
    other_class: int = 0
    unrated: int = 0
    falling_out: int = 0
    sets: list = field(default_factory=list)
    learned: list = field(default_factory=list)


def preview_retraction(project, ratings):
    """RestsOnThem of a queryset of `retractable` ratings; writes nothing."""
    found = RestsOnThem()
    counted = ratings.aggregate(
        every=Count("pk"), here=Count("pk", filter=Q(response__stage__status=Stage.Status.RATING))
    )
    found.ratings, found.open_ratings = counted["every"], counted["here"]
    labels = FinalLabel.objects.filter(ratings__in=ratings.order_by().values("pk"))
    by_source = labels.order_by().values_list("source").annotate(Count("pk", distinct=True))
    counts = dict(by_source)
    found.labels, found.decided = sum(counts.values()), counts.get(FinalLabel.Source.ARBITRATION, 0)
    found.sets = list(sets_of_ratings(project, ratings.order_by().values("pk")))
    found.learned = learned_from(project, found.sets)
    agreed = labels.filter(source=FinalLabel.Source.AGREEMENT).distinct().order_by("pk")
    fallen = _work_out(
        found, list(agreed.select_related("policy__rubric", "revision")[:MOST_LABELS]), ratings
    )
    found.falling_out = (
        TrainingExample.objects.filter(final_label__in=fallen, kind__in=LEARNED_ALONE)
        .order_by()
        .values("final_label")
        .distinct()
        .count()
    )
    return found


@transaction.atomic
def withdraw_ratings(*, project, ratings, reason, by, now, expert=None):
    """Withdraw ratings and note it with the training sets that rest on them; no set changes. Returns the Retraction.

    Arguments and errors are those of annotation.retracting.retract_ratings.
    """
    keys = list(ratings)
    retraction = retract_ratings(project=project, ratings=keys, reason=reason, by=by, now=now, expert=expert)
    for training_set in sets_of_ratings(
        project, Rating.objects.filter(retracted__retraction=retraction).values("pk")
    ):
        note_again(training_set)
    return retraction


def ratings_of(project, *, expert=None, response=None):
    """The ratings that can be withdrawn, of an expert or of a response."""
    which = {"expert": expert} if expert is not None else {"response": response}
    return retractable(project).filter(**which).order_by("pk")


def _work_out(found, labels, withdrawn):
    """Count what becomes of labels that experts agreed on; returns those whose examples would fall out."""
    behind = FinalLabel.ratings.through.objects.filter(finallabel__in=labels)
    gone = set(behind.filter(rating__in=withdrawn.order_by().values("pk")).values_list("rating", flat=True))
    left = {label.pk: [] for label in labels}
    for label, rating in behind.order_by("rating").values_list("finallabel", "rating"):
        if rating not in gone:
            left[label].append(rating)
    given = load_answers(Rating, [rating for ratings in left.values() for rating in ratings])
    was = load_answers(FinalLabel, list(left))
    books, fallen = {}, []
    for label in labels:
        if label.policy_id not in books:
            books[label.policy_id] = Rulebook(label.policy)
        outcome = books[label.policy_id].agreed(_gathered(given[rating] for rating in left[label.pk]))
        found.looked_at += 1
        found.unrated += not left[label.pk]
        found.changed += outcome.answers != was[label.pk]
        found.other_class += outcome.alignment != label.alignment
        if label.revision is not None:
            is_out = label.revision.rating_id in gone
        else:
            is_out = outcome.alignment != FinalLabel.Alignment.ALIGNED
        if is_out:
            fallen.append(label.pk)
    return fallen


def _gathered(answers):
    gathered = Gathered()
    for each in answers:
        for axis, value in each.scores.items():
            gathered.scores[axis].append(value)
        for label_set, value in each.labels.items():
            gathered.labels[label_set].append(value)
    return gathered
