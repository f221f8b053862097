"""People in a project, for tests. Everyone's password is PASSWORD."""

from dataclasses import dataclass, field

from core.models import Membership, Project, User
from core.projects import add_member, create_project
from tests.browsing import PASSWORD


@dataclass
class Personas:
    """`stranger` has an account and no role in the project."""

    project: Project
    admin: User
    lead: User
    stranger: User
    experts: list[User] = field(default_factory=list)


def make_person(username, **fields):
    return User.objects.create_user(username, password=PASSWORD, **fields)


def make_personas(*, now, name="Test project", experts=3, **project):
    """A project with its admin, a lead, experts `expert-1`… and a stranger. `project` goes to create_project."""
    admin = make_person("admin-1")
    made = Personas(
        project=create_project(name=name, by=admin, now=now, **project),
        admin=admin,
        lead=make_person("lead-1"),
        stranger=make_person("stranger-1"),
    )
    add_member(project=made.project, user=made.lead, role=Membership.Role.LEAD, by=admin, now=now)
    for number in range(1, experts + 1):
        expert = make_person(f"expert-{number}")
        add_member(project=made.project, user=expert, role=Membership.Role.EXPERT, by=admin, now=now)
        made.experts.append(expert)
    return made
