"""People and projects."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.models import Membership, Project, User
from core.projects import add_member, create_project
from core.rubrics import DEFAULT_POLICY, DEFAULT_RUBRIC
from tests.browsing import PASSWORD

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

_number = itertools.count(1)


@dataclass
class Team:
    """A project and its people by role."""

    project: Project
    experts: list[User] = field(default_factory=list)
    leads: list[User] = field(default_factory=list)
    admins: list[User] = field(default_factory=list)

    @property
    def lead(self):
        return self.leads[0]

    @property
    def admin(self):
        return self.admins[0]

    @property
    def policy(self):
        return self.project.policy


def make_user(username=None, password=PASSWORD, **fields):
    """A person who can sign in with `password`."""
    username = username or f"person{next(_number)}"
    return User.objects.create_user(username=username, password=password, **fields)


def make_project(
    name=None,
    experts=3,
    leads=1,
    admins=1,
    rubric=DEFAULT_RUBRIC,
    policy=DEFAULT_POLICY,
    seed=7,
    lead=None,
    admin=None,
):
    """A project with as many people of each role; returns a Team. The first admin made it.

    `lead=` and `admin=` are other words for `leads=` and `admins=`.
    """
    leads, admins = (leads if lead is None else lead), (admins if admin is None else admin)
    number = next(_number)
    people = {
        role: [make_user(f"{role}{number}-{index}") for index in range(1, count + 1)]
        for role, count in (("expert", experts), ("lead", leads), ("admin", admins))
    }
    creator = people["admin"][0] if people["admin"] else None
    project = create_project(
        name=name or f"Project {number}", by=creator, now=NOW, seed=seed, rubric=rubric, policy=policy
    )
    for role, members in people.items():
        for user in members:
            add_member(project=project, user=user, role=Membership.Role(role), by=creator, now=NOW)
    return Team(project, experts=people["expert"], leads=people["lead"], admins=people["admin"])
