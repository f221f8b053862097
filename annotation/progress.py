"""How far the ratings have come: for one expert, and for the whole stage."""

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from django.db.models import (
    Count,
    DateTimeField,
    Exists,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce

from annotation.counting import shown_responses, shown_slots
from annotation.models import (
    Assignment,
    Draft,
    Involvement,
    PairSlot,
    Preference,
    QueueCursor,
    Rating,
    Response,
)
from annotation.raters import raters_of
from annotation.responses import prompts_without_response
from core.compiled import Compiled, Given
from core.models import Project, Stage, User
from core.zones import midnight


@dataclass(frozen=True)
class OwnProgress:
    """What an expert may know: their own work, on `day` (a date where they are), ratings and preferences alike. `left`
    is about how many more fall to them, `last` the key of the rating they gave last that day and could take back,
    `last_preference` that of the preference, where this came last.

    It is counted when a page is opened, and travels with the form from one response to the next: the expert's own
    numbers, shown to nobody else and used for nothing else. `called_in`: what an admin took back from them, known when
    the page is opened.
    """

    day: date
    today: int
    done: int
    left: int
    called_in: int = 0
    last: int | None = None
    last_preference: int | None = None

    @property
    def share(self):
        return self.done + self.left

    def after(self, rating):
        """These numbers with one more rating."""
        return replace(self._with_one_more(), last=rating.pk, last_preference=None)

    def after_preference(self, preference):
        """These numbers with one more preference."""
        return replace(self._with_one_more(), last=None, last_preference=preference.pk)

    def _with_one_more(self):
        return replace(self, today=self.today + 1, done=self.done + 1, left=max(self.left - 1, 0))

    def __str__(self):
        return f"{self.day}/{self.today}/{self.done}/{self.left}"

    @classmethod
    def of_form(cls, text, *, now):
        """What a form brought along, as `str` wrote it; None where it brought nothing, or numbers of another day."""
        match = re.fullmatch(r"(\d{4}-\d\d-\d\d)/(\d{1,9})/(\d{1,9})/(\d{1,9})", text, re.ASCII)
        today = midnight(now).date()
        if match is None or match[1] != str(today):
            return None
        return cls(today, *map(int, match.groups()[1:]))


RECENT = 20
"""Ratings by which a person's pace is told: what they do lately, and quick to find among millions."""


@dataclass
class ExpertProgress:
    """One expert in one stage."""

    expert: User
    rated: int = 0
    held: int = 0
    declined: int = 0
    last_rating_at: datetime | None = None
    seconds_each: float | None = None
    since: datetime | None = None
    recent: int = 0
    """Of the newest RECENT ratings: the mean time that they took, the first one's end, and how many they are."""

    @property
    def minutes_each(self):
        return None if self.seconds_each is None else self.seconds_each / 60

    @property
    def an_hour(self):
        """Ratings an hour lately, breaks included; None before the second, where they came at one moment, and of
        simulated experts, whose pace says nothing."""
        if self.expert.is_simulated:
            return None
        took = (self.last_rating_at - self.since).total_seconds() if self.since else 0
        return (self.recent - 1) * 3600 / took if took > 0 else None


class OfRecent(Subquery):
    """A measure of the rows of a subquery."""

    def __init__(self, rows, measure, output_field):
        super().__init__(rows, output_field=output_field)
        self.template = f"(SELECT {measure} FROM (%(subquery)s) recent)"


@dataclass
class StageProgress:
    """Where a stage's responses and ratings stand."""

    responses: int
    unanswered: int
    statuses: list
    ratings: int
    needed: int
    experts: list = field(default_factory=list)

    @property
    def has_simulated(self):
        """Whether any of the ratings come from simulated experts."""
        return any(row.expert.is_simulated and row.rated for row in self.experts)


def own_progress(*, project, expert, now):
    """Counts over this expert's own rows in all that is open, in one statement."""
    began = midnight(now)
    (mine,) = _own(expert=expert.pk, project=project.pk, midnight=began)
    done, rated_at, preferred_at = mine.done + mine.pairs_done, mine.last_rated, mine.last_preferred
    is_pair = preferred_at is not None and (rated_at is None or preferred_at > rated_at)
    return OwnProgress(
        began.date(),
        today=mine.today + mine.preferred_today,
        done=done,
        left=max(mine.share - done, 0),
        called_in=mine.called_in,
        last=None if is_pair else mine.last,
        last_preference=mine.last_preference if is_pair else None,
    )


def _counting_own():
    project = Given("project", Project._meta.pk)
    mine, is_open = (
        {"expert": OuterRef("pk")},
        {"stage__status": Stage.Status.RATING, "stage__project": project},
    )
    since_midnight = {"submitted_at__gte": Given("midnight", Rating._meta.get_field("submitted_at"))}
    rated = Rating.objects.current().filter(**mine, **since_midnight, policy__project=project)
    done = Assignment.objects.filter(**mine, **is_open, status=Assignment.Status.SUBMITTED)
    share = QueueCursor.objects.filter(**mine, **is_open)
    preferred = Preference.objects.current().filter(**mine, **since_midnight, policy__project=project)
    pairs_done = PairSlot.objects.filter(**mine, **is_open, status=PairSlot.Status.SUBMITTED)
    last = rated.filter(response__stage__status=Stage.Status.RATING).order_by("-submitted_at", "-pk")[:1]
    last_preference = preferred.filter(pair__stage__status=Stage.Status.RATING)
    last_preference = last_preference.order_by("-submitted_at", "-pk")[:1]
    called_in = Draft.objects.filter(**mine, response__stage__project=project, called_in_at__isnull=False)
    return User.objects.filter(pk=Given("expert", User._meta.pk)).annotate(
        today=_of_expert(rated, Count("pk")),
        done=_of_expert(done, Count("pk")),
        share=_of_expert(share, Sum("share")),
        called_in=_of_expert(called_in, Count("pk")),
        preferred_today=_of_expert(preferred, Count("pk")),
        pairs_done=_of_expert(pairs_done, Count("pk")),
        last=Subquery(last.values("pk")),
        last_rated=Subquery(last.values("submitted_at")),
        last_preference=Subquery(last_preference.values("pk")),
        last_preferred=Subquery(last_preference.values("submitted_at")),
    )


def _of_expert(rows, figure):
    """The figure over one expert's rows, as a subquery; 0 without any."""
    return Coalesce(Subquery(rows.order_by().values("expert").annotate(n=figure).values("n")), 0)


_own = Compiled(_counting_own)


def stage_progress(stage):
    """Responses by status, ratings given of needed, and how far each expert is (members and former members)."""
    counts, slots = shown_responses(stage), shown_slots(stage)
    experts = {user.pk: ExpertProgress(user) for user in _experts_of(stage, {expert for expert, *_ in slots})}
    ratings = needed = 0
    for expert, status, count in slots:
        needed += count
        ratings += count if status == Assignment.Status.SUBMITTED else 0
        if expert is None:
            continue
        row = experts[expert]
        if status == Assignment.Status.SUBMITTED:
            row.rated = count
        else:
            row.held = count
    _add_declined(stage, experts)
    _add_last_rating(stage, experts)
    return StageProgress(
        responses=sum(counts.values()),
        unanswered=prompts_without_response(stage).count() if stage.status == Stage.Status.RESPONDING else 0,
        statuses=[
            {"label": status.label, "tone": Response.COLOURS[status], "count": counts[status]}
            for status in Response.Status
            if counts.get(status)
        ],
        ratings=ratings,
        needed=needed,
        experts=list(experts.values()),
    )


def seconds_each(experts):
    """The mean time that a rating takes these users, by each one's newest RECENT ratings; None where none was timed."""
    recent = Rating.objects.filter(expert=OuterRef("pk")).order_by("-submitted_at").values("seconds")[:RECENT]
    users = User.objects.filter(pk__in=[expert.pk for expert in experts])
    means = users.annotate(each=OfRecent(recent, "AVG(recent.seconds)", FloatField()))
    known = [each for each in means.order_by().values_list("each", flat=True) if each is not None]
    return sum(known) / len(known) if known else None


def _experts_of(stage, at_work):
    """Who can rate in the stage, and then whoever else was at work in it."""
    people = User.objects.annotate(is_expert=Exists(raters_of(stage).filter(user=OuterRef("pk"))))
    return people.filter(Q(is_expert=True) | Q(pk__in=at_work - {None})).order_by("-is_expert", "username")


def _add_declined(stage, experts):
    declined = Involvement.objects.filter(
        user__in=list(experts), part=Involvement.Part.DECLINED, response__stage=stage
    )
    for user, count in declined.order_by().values_list("user").annotate(count=Count("id")):
        experts[user].declined = count


def _add_last_rating(stage, experts):
    latest = Rating.objects.filter(expert=OuterRef("pk"), response__stage=stage).order_by("-submitted_at")
    recent = latest.values("submitted_at", "seconds")[:RECENT]
    users = User.objects.filter(pk__in=list(experts)).annotate(
        at=Subquery(latest.values("submitted_at")[:1]),
        since=OfRecent(recent, "MIN(recent.submitted_at)", DateTimeField()),
        each=OfRecent(recent, "AVG(recent.seconds)", FloatField()),
        recent=OfRecent(recent, "COUNT(*)", IntegerField()),
    )
    for user, *found in users.values_list("pk", "at", "since", "each", "recent"):
        row = experts[user]
        row.last_rating_at, row.since, row.seconds_each, row.recent = found
