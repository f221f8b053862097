import dataclasses

import pytest

from core.errors import Conflict, InvalidInput
from core.models import AuditEvent, Membership, Stage, User
from core.projects import (
    check_specs,
    create_project,
    may_create_projects,
    remove_member,
    revise,
    specs_of,
)
from core.rubrics import (
    DEFAULT_POLICY,
    DEFAULT_RUBRIC,
    AxisSpec,
    LabelSetSpec,
    LabelValueSpec,
    RubricSpec,
)
from tests.factories.core import make_project

TONE = AxisSpec("tone", "Tone", "Does it speak well?", tau=2)
WITH_TONE = dataclasses.replace(DEFAULT_RUBRIC, axes=(*DEFAULT_RUBRIC.axes, TONE))


class TestSpecsOf:
    def test_gives_back_what_a_policy_was_written_from(self, personas):
        assert specs_of(personas.project.policy) == (DEFAULT_RUBRIC, DEFAULT_POLICY)


class TestRevise:
    def test_writes_a_new_version_and_leaves_the_old_one(self, personas, now):
        old = personas.project.policy

        new = revise(
            project=personas.project,
            rubric=WITH_TONE,
            policy=dataclasses.replace(DEFAULT_POLICY, ratings_per_response=2),
            by=personas.admin,
            now=now,
            expected_version=1,
        )

        assert (new.version, new.ratings_per_response) == (2, 2)
        assert [axis.key for axis in new.rubric.axes.all()] == ["safety", "helpfulness", "relevance", "tone"]
        assert specs_of(old) == (DEFAULT_RUBRIC, DEFAULT_POLICY)
        assert AuditEvent.objects.filter(
            verb="policy:revise", target_id=new.pk, actor=personas.admin
        ).exists()

    def test_makes_no_version_of_what_has_not_changed(self, personas, now):
        same = revise(
            project=personas.project, rubric=DEFAULT_RUBRIC, policy=DEFAULT_POLICY, by=personas.admin, now=now
        )

        assert same.version == 1
        assert personas.project.policies.count() == 1

    def test_refuses_to_write_over_a_version_the_person_has_not_seen(self, personas, now):
        change = {"project": personas.project, "rubric": WITH_TONE, "by": personas.admin, "now": now}
        revise(policy=DEFAULT_POLICY, expected_version=1, **change)

        with pytest.raises(Conflict, match="version 2"):
            revise(
                policy=dataclasses.replace(DEFAULT_POLICY, ratings_per_response=5),
                expected_version=1,
                **change,
            )

        assert personas.project.policies.count() == 2

    def test_moves_a_waiting_stage_and_not_one_in_which_rating_has_begun(self, personas, now):
        project, policy = personas.project, personas.project.policy
        shared = {"project": project, "policy": policy, "ratings_per_response": 3, "created_at": now}
        done = Stage.objects.create(number=0, status=Stage.Status.LABELS_FINAL, **shared)
        waiting = Stage.objects.create(number=1, **shared)

        new = revise(project=project, rubric=WITH_TONE, policy=DEFAULT_POLICY, by=personas.admin, now=now)

        waiting.refresh_from_db()
        done.refresh_from_db()
        assert waiting.policy == new
        assert done.policy == policy

    @pytest.mark.parametrize(
        "axis", [{"name": "x" * 81}, {"question": "a\x00"}, {"anchors": ((1, "x" * 201),)}]
    )
    def test_refuses_texts_that_no_column_holds(self, personas, now, axis):
        rubric = dataclasses.replace(DEFAULT_RUBRIC, axes=(dataclasses.replace(TONE, **axis),))
        with pytest.raises(InvalidInput) as refused:
            revise(project=personas.project, rubric=rubric, policy=DEFAULT_POLICY, by=personas.admin, now=now)
        assert len(refused.value.errors) == 1


class TestCreateProject:
    def test_refuses_a_name_that_is_taken_or_too_long(self, personas, now):
        create_project(name="Twice", by=personas.admin, now=now)
        with pytest.raises(Conflict, match="choose another name"):
            create_project(name="twice", by=personas.admin, now=now)
        with pytest.raises(InvalidInput, match="Keep this under 200 characters"):
            create_project(name="x" * 201, by=personas.admin, now=now)

    def test_gives_every_name_an_address_that_stays_its_own(self, personas, now):
        names = ["安全性评审", "مراجعة", "Проверка 7", "Обучение 7", "C", "C++", "c#"]
        made = [create_project(name=name, by=personas.admin, now=now) for name in names]
        assert [project.name for project in made] == names
        assert len({project.slug for project in made}) == len(names)
        with pytest.raises(Conflict, match="already a project called"):
            create_project(name=" ПРОВЕРКА  7", by=personas.admin, now=now)
        with pytest.raises(InvalidInput, match="a name"):
            create_project(name="\u200b", by=personas.admin, now=now)


class TestCheckSpecs:
    def test_tells_axes_sets_and_values_apart_by_what_they_say(self):
        def values(*names):
            return tuple(LabelValueSpec(f"label-{n}", name) for n, name in enumerate(names))

        rubric = RubricSpec(
            (), (LabelSetSpec("a", "Sign", "?", values("+1", "-1", "C", "C++", "安全", "有用")),)
        )
        check_specs(rubric, DEFAULT_POLICY)
        twice = RubricSpec((), (LabelSetSpec("a", "Sign", "?", values("Écrit", "E\u0301CRIT ")),))
        with pytest.raises(InvalidInput) as refused:
            check_specs(twice, DEFAULT_POLICY)
        assert refused.value.errors == ["Label set “Sign” has “E\u0301CRIT ” twice: rename one."]


class TestMayCreateProjects:
    def test_is_for_admins(self, personas):
        assert may_create_projects(personas.admin)
        assert not may_create_projects(personas.lead)
        assert not may_create_projects(personas.stranger)

    def test_lets_the_installations_superuser_begin(self, db):
        assert may_create_projects(User.objects.create_superuser("root", password="x"))


class TestRemoveMember:
    def test_keeps_the_last_admin_who_can_sign_in(self, db, now):
        team = make_project(admins=2)
        team.admins[1].is_active = False
        team.admins[1].save()
        with pytest.raises(Conflict, match="needs an admin"):
            remove_member(
                project=team.project, user=team.admin, role=Membership.Role.ADMIN, by=team.admin, now=now
            )
        assert team.project.memberships.filter(user=team.admin, role=Membership.Role.ADMIN).exists()
