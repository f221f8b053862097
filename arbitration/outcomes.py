"""What the ratings of many responses add up to under a policy, read in bulk: a few queries a thousand responses."""

from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import F

from annotation.answers import Answers, label_rows, score_rows
from annotation.models import Rating
from arbitration.consensus import agreed_label, agreed_score, alignment_class, is_open
from arbitration.diff import normalised
from arbitration.models import RejectedRevision
from core.bulk import Among
from core.models import LabelValue
from core.texts import is_blank

CHUNK = 1000


@dataclass
class Gathered:
    """One response's current ratings: scores by axis, answers by label set, revised texts by rating (primary keys)."""

    ratings: list[int] = field(default_factory=list)
    scores: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    labels: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    revisions: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """A consensus: the score of each axis, the answer to each label set that has one, and the class of both."""

    answers: Answers
    alignment: str


class Rulebook:
    """A policy with its axes and labels, read once, to judge many responses by."""

    def __init__(self, policy):
        self.policy = policy
        self.axes = list(policy.rubric.axes.values_list("pk", flat=True))
        self.label_sets = list(policy.rubric.label_sets.values_list("pk", flat=True))
        self.cuts = {rule.axis_id: (rule.misaligned_cut, rule.aligned_cut) for rule in policy.rules.all()}
        values = list(LabelValue.objects.filter(label_set__rubric=policy.rubric_id))
        self.adverse = {value.pk for value in values if value.adverse}
        self.abstaining = {value.pk for value in values if value.abstains}
        self.bearing = {value.label_set_id for value in values if value.adverse}

    def agreed(self, gathered: Gathered) -> Outcome:
        """The outcome of the policy's agreement rule over the ratings of a response."""
        scores = {
            axis: agreed_score(gathered.scores[axis], self.policy.agreement_rule)
            for axis in self.axes
            if gathered.scores.get(axis)
        }
        labels = {}
        for label_set in self.label_sets:
            answers = gathered.labels.get(label_set, ())
            label = agreed_label(None if value in self.abstaining else value for value in answers)
            if label is not None:
                labels[label_set] = label
        return self._outcome(
            Answers(scores, labels), asked={key for key, given in gathered.labels.items() if given}
        )

    def decided(self, answers: Answers) -> Outcome:
        """The outcome of a lead's answers."""
        return self._outcome(answers, asked=set(answers.labels))

    def _outcome(self, answers, asked):
        adverse = any(value in self.adverse for value in answers.labels.values())
        verdicts = {key for key, value in answers.labels.items() if value not in self.abstaining}
        left_open = is_open(answers.scores, asked, verdicts, self.bearing)
        return Outcome(answers, alignment_class(answers.scores, adverse, self.cuts, is_open=left_open))


def most_written(revisions, response_text, k) -> int | None:
    """The first rating whose revised text more than half of the `k` experts wrote, if there is one.

    `revisions`: the revised texts of one response by rating. White space does not count, and a "revision" that leaves
    the response as it was is none.
    """
    authors = defaultdict(list)
    for rating, text in revisions.items():
        authors[normalised(text)].append(rating)
    authors.pop(normalised(response_text), None)
    for ratings in authors.values():
        if 2 * len(ratings) > k:
            return min(ratings)
    return None


def gather(response_ids) -> dict[int, Gathered]:
    """The current ratings of some (at most CHUNK) responses, by response."""
    found = {pk: Gathered() for pk in response_ids}
    of_rating = {}
    ratings = Rating.objects.current().filter(response__in=response_ids).order_by("pk")
    for rating, response, revised in ratings.values_list("pk", "response_id", "revised_response"):
        of_rating[rating] = found[response]
        found[response].ratings.append(rating)
        if not is_blank(revised):
            found[response].revisions[rating] = revised
    of_them = Among(F("owner_id"), list(of_rating))
    scores = score_rows(Rating).filter(of_them)
    for rating, axis, value in scores.values_list("owner_id", "axis_id", "value"):
        of_rating[rating].scores[axis].append(value)
    labels = label_rows(Rating).filter(of_them)
    for rating, label_set, value in labels.values_list("owner_id", "label_set_id", "value_id"):
        of_rating[rating].labels[label_set].append(value)
    return found


def rejected_of(ratings):
    """Those of these ratings (keys) whose revised text a lead rejected.

    By the ratings, not their responses: so the few rejections are looked through, whatever a database knows of them.
    """
    rejections = RejectedRevision.objects.standing().filter(Among(F("rating_id"), ratings))
    return set(rejections.values_list("rating", flat=True))


def chunks(responses, *fields):
    """Lists of at most CHUNK rows `(pk, *fields)` of a queryset of responses, in the order of their keys.

    Each list is a query of its own, so that a stage of any size needs the memory of one chunk.
    """
    last = 0
    while True:
        rows = list(responses.filter(pk__gt=last).order_by("pk").values_list("pk", *fields)[:CHUNK])
        if not rows:
            return
        yield rows
        last = rows[-1][0]
