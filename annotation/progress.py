"""How far the ratings have come: for one expert, and for the whole stage."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Sum

from annotation.counting import AGE, shown_responses, shown_slots
from annotation.models import Assignment, Involvement, QueueCursor, Rating, Response
from annotation.responses import prompts_without_response
from core.models import Membership, Stage, User


@dataclass(frozen=True)
class OwnProgress:
    """What an expert may know: their own work. `left` is about how many more fall to them."""

    today: int
    done: int
    left: int

    @property
    def share(self):
        return self.done + self.left

    def after(self, more):
        """With so many ratings more."""
        return OwnProgress(self.today + more, self.done + more, max(self.left - more, 0))


@dataclass
class ExpertProgress:
    """One expert in one stage."""

    expert: User
    rated: int = 0
    held: int = 0
    declined: int = 0
    last_rating_at: datetime | None = None


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


def own_progress(*, project, expert, now, submitted=0):
    """Counts over this expert's own rows in all that is open, at most AGE old.

    `submitted`: how many they have added just now. Counted in a large stage, they would cost more than the rating
    itself.
    """
    key = f"own-progress:{project.pk}:{project.created_at.isoformat()}:{expert.pk}"
    counted_at, progress = cache.get(key, (None, None))
    if progress is None or not timedelta(0) <= now - counted_at < AGE:
        counted_at, progress = now, _count_own(project, expert, now)
        cache.set(key, (counted_at, progress), AGE.total_seconds())
    elif submitted:
        progress = progress.after(submitted)
        cache.set(key, (counted_at, progress), AGE.total_seconds())
    return progress


def _count_own(project, expert, now):
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = Rating.objects.filter(expert=expert, submitted_at__gte=midnight, policy__project=project).count()
    is_open = {"stage__project": project, "stage__status": Stage.Status.RATING, "expert": expert}
    done = Assignment.objects.filter(**is_open, status=Assignment.Status.SUBMITTED).count()
    share = QueueCursor.objects.filter(**is_open).aggregate(total=Sum("share"))["total"] or 0
    return OwnProgress(today=today, done=done, left=max(share - done, 0))


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


def _experts_of(stage, at_work):
    """Who is an expert of the project, and then whoever else was at work in the stage."""
    role = Membership.objects.filter(
        user=OuterRef("pk"), project=stage.project_id, role=Membership.Role.EXPERT
    )
    people = User.objects.annotate(is_expert=Exists(role))
    return people.filter(Q(is_expert=True) | Q(pk__in=at_work - {None})).order_by("-is_expert", "username")


def _add_declined(stage, experts):
    declined = Involvement.objects.filter(
        user__in=list(experts), part=Involvement.Part.DECLINED, response__stage=stage
    )
    for user, count in declined.order_by().values_list("user").annotate(count=Count("id")):
        experts[user].declined = count


def _add_last_rating(stage, experts):
    latest = Rating.objects.filter(expert=OuterRef("pk"), response__stage=stage).order_by("-submitted_at")
    users = User.objects.filter(pk__in=list(experts)).annotate(at=Subquery(latest.values("submitted_at")[:1]))
    for user, at in users.values_list("pk", "at"):
        experts[user].last_rating_at = at
