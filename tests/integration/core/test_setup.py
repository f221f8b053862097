import pytest
from django.urls import reverse

from core.forms import RubricEditor
from core.guidelines import current
from core.models import Membership, User
from core.projects import create_project, specs_of
from core.rubrics import DEFAULT_POLICY, DEFAULT_RUBRIC

ROLE = Membership.Role


@pytest.fixture
def project(personas):
    return personas.project


@pytest.fixture
def admin(client, personas):
    client.force_login(personas.admin)
    return client


def room(name, project, *more):
    return reverse(name, args=[project.slug, *more])


def posted(form):
    """What a browser sends for one form: every field's value, a checkbox only where it is ticked."""
    values = {form.add_prefix(name): form[name].value() for name in form.fields}
    return {
        name: "on" if value is True else value for name, value in values.items() if value not in (False, None)
    }


def as_posted(editor):
    data = posted(editor.policy) | posted(editor.gate)
    for rows in (editor.axes, editor.label_sets, *(form.values for form in editor.label_sets)):
        data |= posted(rows.management_form)
        for form in rows:
            data |= posted(form)
    return data


@pytest.fixture
def sent(project):
    """The rubric form as the page shows it."""
    return as_posted(RubricEditor(policy=project.policy))


class TestProjectSetup:
    def test_shows_rubric_policy_people_and_guidelines(self, admin, project):
        page = admin.get(room("project-setup", project)).content.decode()

        assert "Safe, and careful where care is due" in page
        assert "Discrimination" in page
        assert "expert-3" in admin.get(room("setup-people", project)).content.decode()

    @pytest.mark.parametrize("who", ["lead", "experts"])
    def test_is_closed_to_other_roles(self, client, personas, who):
        person = getattr(personas, who)
        client.force_login(person[0] if who == "experts" else person)

        assert client.get(room("project-setup", personas.project)).status_code == 403

    def test_does_not_exist_for_strangers(self, client, personas):
        client.force_login(personas.stranger)

        assert client.get(room("project-setup", personas.project)).status_code == 404


class TestSetupRubric:
    def test_sent_back_as_it_was_changes_nothing(self, admin, project, sent):
        answer = admin.post(room("setup-rubric", project), sent, follow=True)

        assert "Nothing has changed." in answer.content.decode()
        assert specs_of(project.policy) == (DEFAULT_RUBRIC, DEFAULT_POLICY)
        assert project.policies.count() == 1

    def test_saves_a_change_as_the_next_version(self, admin, project, sent):
        sent |= {"policy-ratings_per_response": "2", "axes-0-tau": "2", "axes-1-anchor_5": "Perfect"}
        sent |= {"labels-1-escalates": "on", "labels-1-values-0-abstains": "on"}

        admin.post(room("setup-rubric", project), sent)

        rubric, policy = specs_of(project.policy)
        assert project.policy.version == 2
        assert policy.ratings_per_response == 2
        assert rubric.axes[0].tau == 2
        assert dict(rubric.axes[1].anchors)[5] == "Perfect"
        assert rubric.label_sets[1].escalates and rubric.label_sets[1].values[0].abstains

    def test_keeps_the_key_of_an_axis_that_is_renamed(self, admin, project, sent):
        admin.post(room("setup-rubric", project), sent | {"axes-0-name": "Harmlessness"})

        first = project.policy.rubric.axes.first()
        assert (first.key, first.name) == ("safety", "Harmlessness")

    def test_removes_what_is_marked(self, admin, project, sent):
        admin.post(room("setup-rubric", project), sent | {"axes-2-DELETE": "on", "labels-1-DELETE": "on"})

        rubric, _ = specs_of(project.policy)
        assert [axis.key for axis in rubric.axes] == ["safety", "helpfulness"]
        assert [labels.key for labels in rubric.label_sets] == ["verdict"]

    def test_orders_axes_label_sets_and_values_by_their_places(self, admin, project, sent):
        sent |= {
            "axes-2-ORDER": "1",
            "axes-0-ORDER": "3",
            "labels-0-ORDER": "9",
            "labels-1-values-0-ORDER": "",
        }
        admin.post(room("setup-rubric", project), sent)

        rubric, _ = specs_of(project.policies.latest("version"))
        assert [axis.key for axis in rubric.axes] == ["relevance", "helpfulness", "safety"]
        assert [labels.key for labels in rubric.label_sets] == ["harm", "verdict"]
        # What has no place goes to the end.
        values = [value.key for value in DEFAULT_RUBRIC.label_sets[1].values]
        assert [value.key for value in rubric.label_sets[0].values] == [*values[1:], values[0]]

    def test_says_that_a_place_is_no_number(self, admin, project, sent):
        page = admin.post(room("setup-rubric", project), sent | {"axes-0-ORDER": "first"}).content.decode()

        assert "Enter a whole number." in page
        assert project.policies.count() == 1

    def test_grows_by_a_row_without_losing_or_saving_anything(self, admin, project, sent):
        sent["axes-0-name"] = "Not saved yet"

        page = admin.post(room("setup-rubric", project), sent | {"add": "axes"}).content.decode()

        assert "data-order-number>4<" in page
        assert "Not saved yet" in page
        assert "Give it a name" not in page
        assert project.policies.count() == 1

    def test_saves_an_added_axis_and_label_set(self, admin, project, sent):
        sent |= {
            "axes-TOTAL_FORMS": "4",
            "axes-3-name": "Tone",
            "axes-3-question": "Kind?",
            "axes-3-lowest": "0",
            "axes-3-highest": "100",
            "axes-3-anchor_100": "As a friend would",
        }
        sent |= {"labels-TOTAL_FORMS": "3", "labels-2-name": "Style", "labels-2-values-TOTAL_FORMS": "3"}
        sent |= {"labels-2-values-INITIAL_FORMS": "0"}
        sent |= {"labels-2-values-0-name": "Formal", "labels-2-values-1-name": "Casual"}

        admin.post(room("setup-rubric", project), sent)

        rubric, _ = specs_of(project.policy)
        tone = rubric.axes[3]
        assert (tone.key, tone.lowest, tone.highest, tone.anchors) == (
            "tone",
            0,
            100,
            ((100, "As a friend would"),),
        )
        # Left empty, τ and the cuts are the usual ones of the range.
        assert (tone.tau, tone.misaligned_cut, tone.aligned_cut) == (25, 25, 75)
        assert [value.key for value in rubric.label_sets[2].values] == ["formal", "casual"]

    def test_makes_keys_that_stay_what_they_are(self, admin, project, sent):
        added = sent | {
            "labels-TOTAL_FORMS": "3",
            "labels-2-name": "态度",
            "labels-2-values-TOTAL_FORMS": "2",
        }
        added |= {"labels-2-values-INITIAL_FORMS": "0"}
        added |= {"labels-2-values-0-name": "+1", "labels-2-values-1-name": "-1"}
        admin.post(room("setup-rubric", project), added)
        rubric, _ = specs_of(project.policy)
        named = [
            (labels.key, [(value.key, value.name) for value in labels.values]) for labels in rubric.label_sets
        ]
        assert named[2] == ("labels-1", [("label-1", "+1"), ("label-2", "-1")])

        changed = as_posted(RubricEditor(policy=project.policy)) | {"labels-2-values-1-DELETE": "on"}
        changed |= {"labels-2-values-TOTAL_FORMS": "4", "labels-2-values-0-name": "赞成"}
        changed |= {"labels-2-values-2-name": "反对", "labels-2-values-3-name": "0"}
        admin.post(room("setup-rubric", project), changed)
        values = specs_of(project.policy)[0].label_sets[2].values
        assert [(value.key, value.name) for value in values] == [
            ("label-1", "赞成"),
            ("label-3", "反对"),
            ("0", "0"),
        ]

    @pytest.mark.parametrize(
        "what", ["axes", "labels", "labels-0-values", "nonsense", "../etc", "labels-999-values"]
    )
    def test_answers_whatever_is_asked_to_grow(self, admin, project, sent, what):
        assert admin.post(room("setup-rubric", project), sent | {"add": what}).status_code == 200

    def test_says_what_the_rules_forbid_and_loses_nothing(self, admin, project, sent):
        sent |= {"axes-0-aligned_cut": "2", "axes-0-misaligned_cut": "4", "axes-0-question": "Kept?"}

        answer = admin.post(room("setup-rubric", project), sent)

        page = answer.content.decode()
        assert answer.status_code == 422
        assert "The cuts of “Safety” must satisfy 1 ≤ misaligned &lt; aligned ≤ 5" in page and "Kept?" in page
        assert project.policies.count() == 1

    def test_shows_the_points_of_a_changed_range(self, admin, project, sent):
        sent |= {"axes-0-lowest": "0", "axes-0-highest": "6", "add": "points"}

        page = admin.post(room("setup-rubric", project), sent).content.decode()

        assert 'name="axes-0-anchor_0"' in page and 'name="axes-0-anchor_6"' in page
        assert "Would cause serious harm" in page
        assert 'name="axes-1-anchor_0"' not in page

    def test_refuses_a_range_that_goes_nowhere(self, admin, project, sent):
        answer = admin.post(room("setup-rubric", project), sent | {"axes-0-lowest": "5"})

        assert answer.status_code == 422
        assert "The highest score must lie above the lowest." in answer.content.decode()

    def test_says_which_field_is_wrong(self, admin, project, sent):
        answer = admin.post(room("setup-rubric", project), sent | {"axes-1-name": "", "policy-gamma": "7"})

        page = answer.content.decode()
        assert answer.status_code == 422
        assert "Give it a name, or mark it to be removed." in page
        assert "less than or equal to 1" in page

    def test_does_not_drop_values_of_a_set_without_a_name(self, admin, project, sent):
        sent |= {"labels-TOTAL_FORMS": "3", "labels-2-escalates": "on", "labels-2-required": "on"}
        sent |= {"labels-2-values-TOTAL_FORMS": "1", "labels-2-values-INITIAL_FORMS": "0"}
        sent |= {"labels-2-values-0-name": "Orphan"}

        answer = admin.post(room("setup-rubric", project), sent)

        assert answer.status_code == 422
        assert "Name the label set" in answer.content.decode()

    def test_does_not_write_over_a_colleagues_version(self, admin, project, sent):
        admin.post(room("setup-rubric", project), sent | {"policy-gamma": "0.6"})

        late = admin.post(room("setup-rubric", project), sent | {"policy-gamma": "0.7"})

        assert late.status_code == 409
        assert "version 2" in late.content.decode()
        assert project.policy.gamma == 0.6

    def test_survives_a_form_without_its_counts(self, admin, project):
        answer = admin.post(room("setup-rubric", project), {"policy-version": "1"})

        assert answer.status_code == 422
        assert project.policies.count() == 1


class TestSetupGuidelines:
    def test_saves_the_text(self, admin, project):
        admin.post(room("setup-guidelines", project), {"guidelines": "Read it *whole*."})

        project.refresh_from_db()
        assert current(project).text == "Read it *whole*."


class TestSetupMemberAdd:
    def test_gives_a_role_once_however_often(self, admin, project, personas):
        for _ in range(2):
            admin.post(
                room("setup-member-add", project), {"member-username": "stranger-1", "member-role": "lead"}
            )

        assert list(project.memberships.filter(user=personas.stranger).values_list("role", flat=True)) == [
            "lead"
        ]

    def test_names_an_account_that_does_not_exist(self, admin, project):
        answer = admin.post(
            room("setup-member-add", project), {"member-username": "nobody", "member-role": "lead"}
        )

        assert answer.status_code == 422
        assert "There is no such account" in answer.content.decode()


class TestSetupAccount:
    def send(self, client, project, **fields):
        data = {
            "username": "noor",
            "full_name": "Noor Berg",
            "password": "a long enough one",
            "role": "expert",
        }
        data |= fields
        return client.post(room("setup-account", project), {f"account-{name}": data[name] for name in data})

    def test_creates_a_person_with_a_role(self, admin, project):
        self.send(admin, project)

        assert project.memberships.get(user__username="noor").role == ROLE.EXPERT

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"username": "expert-1"}, "already an account"),
            ({"username": "no spaces please"}, "Enter a valid username"),
            ({"password": "short"}, "too short"),
            ({"password": "password123"}, "too common"),
        ],
    )
    def test_says_what_is_wrong(self, admin, project, fields, said):
        before = User.objects.count()

        answer = self.send(admin, project, **fields)

        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert User.objects.count() == before


class TestSetupMemberRemove:
    def test_takes_the_role_away(self, admin, project, personas):
        membership = project.memberships.get(user=personas.lead)

        admin.post(room("setup-member-remove", project, membership.pk))

        assert not project.memberships.filter(user=personas.lead).exists()

    def test_keeps_the_last_admin(self, admin, project, personas):
        membership = project.memberships.get(user=personas.admin)

        answer = admin.post(room("setup-member-remove", project, membership.pk), follow=True)

        assert "make someone else admin first" in answer.content.decode()
        assert project.memberships.filter(user=personas.admin).exists()

    def test_does_not_reach_into_another_project(self, admin, project, personas, now):
        other = create_project(name="Other", by=personas.stranger, now=now)
        foreign = other.memberships.get()

        answer = admin.post(room("setup-member-remove", project, foreign.pk))

        assert answer.status_code == 404
        assert other.memberships.exists()
