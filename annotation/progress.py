"""How far the ratings have come: for one expert, and for the whole stage."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Subquery

from annotation.models import Assignment, Involvement, QueueCursor, Rating, Response
from annotation.responses import prompts_without_response
from core.models import Membership, Stage, User

# An expert's own counts are kept by each process: for so long, and for so many experts and stages.
AGE, KEPT = timedelta(seconds=15), 4096
_kept = {}


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


def own_progress(*, stage, expert, now, submitted=0):
    """Counts over this expert's own rows alone, at most AGE old; `submitted`: how many they have added just now.

    Counted in a large stage, they would cost more than the rating itself.
    """
    key = (stage.pk, stage.created_at, expert.pk)
    counted_at, progress = _kept.get(key, (None, None))
    if progress is None or not timedelta(0) <= now - counted_at < AGE:
        progress = _count_own(stage, expert, now)
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[key] = now, progress
    elif submitted:
        progress = progress.after(submitted)
        _kept[key] = counted_at, progress
    return progress


def forget():
    """Keep no counts. For tests, whose databases give the same keys again."""
    _kept.clear()


def _count_own(stage, expert, now):
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = Rating.objects.filter(
        expert=expert, submitted_at__gte=midnight, policy__project=stage.project_id
    ).count()
    done = Assignment.objects.filter(stage=stage, expert=expert, status=Assignment.Status.SUBMITTED).count()
    share = (
        QueueCursor.objects.filter(stage=stage, expert=expert).values_list("share", flat=True).first() or 0
    )
    return OwnProgress(today=today, done=done, left=max(share - done, 0))


def stage_progress(stage):
    """Responses by status, ratings given of needed, and how far each expert is (members and former members)."""
    counts = dict(
        Response.objects.filter(stage=stage).order_by().values_list("status").annotate(count=Count("id"))
    )
    slots = (
        Assignment.objects.filter(stage=stage)
        .order_by()
        .values_list("expert", "status")
        .annotate(count=Count("id"))
    )
    experts = {
        user.pk: ExpertProgress(user)
        for user in User.objects.filter(
            memberships__project=stage.project_id, memberships__role=Membership.Role.EXPERT
        ).order_by("username")
    }
    ratings = needed = 0
    for expert, status, count in slots:
        needed += count
        ratings += count if status == Assignment.Status.SUBMITTED else 0
        if expert is None:
            continue
        row = experts.get(expert) or experts.setdefault(expert, ExpertProgress(User.objects.get(pk=expert)))
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
