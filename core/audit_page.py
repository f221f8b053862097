"""The audit trail to look at: of a project for its admins, of the site for the site's."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from core.limits import whole_number
from core.models import AuditEvent, User

PER_PAGE = 50
SYSTEM = "system"
"""Stands for the system itself where a person is asked for."""
KINDS = {
    "project": _("Project and people"),
    "policy": _("Rubric and policy"),
    "user": _("Accounts"),
    "fileimport": _("Files"),
    "prompt": _("Prompts"),
    "stage": _("Stages"),
    "response": _("Responses"),
    "assignment": _("Slots"),
    "rating": _("Ratings"),
    "pair": _("Pairs"),
    "pairslot": _("Slots of pairs"),
    "preference": _("Preferences"),
    "case": _("Cases"),
    "decision": _("Decisions"),
    "acceptedrevision": _("Revisions"),
    "generationrun": _("Generation"),
    "trainingset": _("Training sets"),
    "rehearsal": _("Rehearsal"),
    "trainingrun": _("Training"),
    "promotion": _("Promotions"),
    "scoringrun": _("Coherence"),
}
"""What events are about, by their `target_type`."""


@dataclass(frozen=True)
class Asked:
    """What is asked for: events of one person (a key, or SYSTEM), about one kind of thing, of one day, before one."""

    person: str = ""
    kind: str = ""
    day: date | None = None
    before: int | None = None

    @classmethod
    def of(cls, sent):
        """What an address asks for; what is not understood is passed over."""
        try:
            day = date.fromisoformat(sent.get("day", ""))
        except ValueError:
            day = None
        else:
            # At the ends of the calendar a day has no beginning or no end in some zone.
            day = min(max(day, date.min + timedelta(days=2)), date.max - timedelta(days=2))
        person, kind = sent.get("person", ""), sent.get("kind", "")
        return cls(
            person=person if person == SYSTEM or whole_number(person) else "",
            kind=kind if kind in KINDS else "",
            day=day,
            before=whole_number(sent.get("before", "")),
        )


def events(project, asked):
    """At most PER_PAGE + 1 events, the latest first: one more than are shown says that there are earlier ones.

    `project`: None for what is of no project. Each filter has an index that ends in the order of the page; nothing is
    counted.
    """
    found = AuditEvent.objects.filter(project=project).select_related("actor").order_by("-id")
    if asked.person:
        found = found.filter(actor=None if asked.person == SYSTEM else int(asked.person))
    if asked.kind:
        found = found.filter(target_type=asked.kind)
    if asked.day:
        of_day = _of_day(project, asked.day)
        # Keys rise with time, so the ends of a day bound the walk along them.
        ends = AuditEvent.objects.filter(of_day).order_by("created_at", "id").values_list("pk", flat=True)
        found = found.filter(of_day, pk__range=(ends.first() or 0, ends.last() or 0))
    if asked.before:
        found = found.filter(pk__lt=asked.before)
    return list(found[: PER_PAGE + 1])


def people_of(project):
    """Who may have done something: all who have a part in the project; for the site its admins."""
    if project is None:
        return User.objects.filter(is_staff=True).order_by("username_key")
    return User.objects.filter(memberships__project=project).distinct().order_by("username_key")


def _of_day(project, day):
    """Events of a day, where times are told."""
    zone = timezone.get_current_timezone()
    begins, ends = (datetime.combine(each, time.min, tzinfo=zone) for each in (day, day + timedelta(days=1)))
    return Q(project=project, created_at__gte=begins, created_at__lt=ends)
