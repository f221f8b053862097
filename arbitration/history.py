"""What came before on a case: decisions that do not stand any more, questions to the experts, ratings that changed."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from django.utils.translation import gettext

from annotation.answers import load_answers
from annotation.models import DivergenceReason, Rating, Return
from arbitration.models import Decision


@dataclass(frozen=True)
class Step:
    """One thing that happened: `facts` are pairs of what and how it was (and became), `words` what somebody wrote,
    `before` what a comment was that has changed since."""

    at: datetime
    what: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    words: str = ""
    before: str = ""
    is_decision: bool = False


def history_of(file):
    """The Steps of a CaseFile's response, in order; empty where nothing was ever decided anew or changed."""
    steps = chain(_decisions(file), _reopened(file), _returns(file), _changes(file))
    return sorted(steps, key=lambda step: step.at)


def folded(history):
    """The context of arbitration/_history.html: the last decision with what came after it, and what came `earlier`."""
    decided = [place for place, step in enumerate(history) if step.is_decision]
    last = decided[-1] if decided else 0
    return {"history": history[last:], "earlier": history[:last]}


def _decisions(file):
    past = Decision.objects.filter(
        case__response=file.response, case__divergence__superseded_at__isnull=False
    )
    past = list(past)
    given = load_answers(Decision, [decision.pk for decision in past])
    for decision in past:
        what = gettext("Decided: %(outcome)s") % {"outcome": decision.get_outcome_display()}
        facts = _told(file, given[decision.pk])
        yield Step(decision.created_at, what, facts, decision.rationale, is_decision=True)


def _reopened(file):
    reasons = DivergenceReason.objects.filter(
        divergence__response=file.response, kind=DivergenceReason.Kind.REOPENED
    )
    for reason in reasons.select_related("divergence"):
        yield Step(reason.divergence.created_at, gettext("The decision was reopened"), words=reason.note)


def _returns(file):
    for returned in Return.objects.filter(response=file.response):
        yield Step(returned.created_at, gettext("Returned to the experts"), words=returned.question)


def _changes(file):
    """Each rating that counts no more, with what took its place, if anything did."""
    if not file.superseded:
        return
    after = {
        rating.supersedes_id: rating
        for rating in [*file.superseded, *(opinion.rating for opinion in file.opinions)]
    }
    given = load_answers(Rating, {*(old.pk for old in file.superseded), *(new.pk for new in after.values())})
    for old in file.superseded:
        who, new = file.names[old.expert_id], after.get(old.pk)
        before = dict(_told(file, given[old.pk]))
        if new is None:
            what = gettext("%(who)s took a rating back") % {"who": who}
            yield Step(old.superseded_at, what, list(before.items()), before=old.comment)
            continue
        now = dict(_told(file, given[new.pk]))
        facts = [
            (asked, f"{before.get(asked, '–')} → {now.get(asked, '–')}")
            for asked in before | now
            if before.get(asked) != now.get(asked)
        ]
        what = gettext("%(who)s corrected a rating") % {"who": who}
        yield Step(new.submitted_at, what, facts, before=old.comment if old.comment != new.comment else "")


def _told(file, answers):
    """Answers in words, in the order of the rubric: [(what was asked, the answer)]."""
    told = [
        (track.axis.name, str(answers.scores[track.axis.pk]))
        for track in file.tracks
        if track.axis.pk in answers.scores
    ]
    for label_set in file.label_sets:
        names = {value.pk: value.name for value in label_set.values.all()}
        if label_set.pk in answers.labels:
            told.append((label_set.name, names[answers.labels[label_set.pk]]))
    return told
