"""How much a request may hold: fields as Django has it, files by setting, and an answer that says what to do."""

import resource

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from core.forms import MOST_ROWS
from core.models import LabelValue
from core.projects import specs_of

pytestmark = pytest.mark.django_db
MEGABYTE = 1024**2
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def admin(client, personas):
    client.force_login(personas.admin)
    return client


def upload(admin, project, size, **fields):
    file = SimpleUploadedFile("prompts.csv", b"prompt\n" + b"a\n" * (size // 2))
    url = reverse("annotation:import-prompts", args=[project.slug])
    return admin.post(url, {"prompts-file": file, "check": "1"} | fields)


def largest_rubric():
    """The fields of a form with as many axes, label sets and values as there may be, in a script of three bytes."""
    most, fields = range(MOST_ROWS), {}
    names = [f"{number:02d}" + "安" * 78 for number in most]
    for rows in ("axes", "labels", *(f"labels-{number}-values" for number in most)):
        fields |= {f"{rows}-TOTAL_FORMS": MOST_ROWS, f"{rows}-INITIAL_FORMS": 0}
    fields |= {"policy-version": 1, "policy-ratings_per_response": 3, "policy-gamma": 0.5}
    fields |= {"policy-agreement_rule": "mean"}
    for one in most:
        axis = {
            "key": f"axis-{one}",
            "name": names[one],
            "question": "安" * 300,
            "lowest": 1,
            "highest": 5,
            "tau": 1,
        }
        axis |= {"aligned_cut": 4, "misaligned_cut": 2, "ORDER": one + 1}
        axis |= {f"anchor_{score}": "安" * 200 for score in range(1, 6)}
        fields |= {f"axes-{one}-{field}": value for field, value in axis.items()}
        labels = {
            "key": f"set-{one}",
            "name": names[one],
            "question": "安" * 300,
            "escalates": "on",
            "ORDER": one + 1,
        }
        fields |= {f"labels-{one}-{field}": value for field, value in labels.items()}
        for place in most:
            value = {"key": f"value-{place}", "name": names[place], "adverse": "on", "ORDER": place + 1}
            fields |= {f"labels-{one}-values-{place}-{field}": each for field, each in value.items()}
    return fields


class TestFields:
    def test_of_a_stranger_take_no_memory(self, client):
        body = b"username=a&password=" + b"%41" * (20 * MEGABYTE)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        page = client.post(reverse("login"), body, content_type=FORM)
        assert page.status_code == 413 and "shorten it" in page.content.decode()
        # The test itself copies the body once or twice.
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * len(body) / 1024

    def test_are_limited_beside_a_file_as_well(self, admin, personas):
        page = upload(admin, personas.project, 10, more="x" * 3 * MEGABYTE)
        assert page.status_code == 413 and "shorten it" in page.content.decode()

    def test_are_limited_in_number(self, client):
        page = client.post(reverse("login"), dict.fromkeys(map(str, range(10_001)), ""))
        assert page.status_code == 413

    @pytest.mark.parametrize("length", ["-1", "x", "9" * 5000])
    def test_of_any_length_that_is_told_are_answered(self, client, length):
        page = client.post(reverse("login"), b"a=b", content_type=FORM, CONTENT_LENGTH=length)
        assert page.status_code < 500

    def test_of_the_largest_rubric_are_saved(self, admin, personas):
        page = admin.post(reverse("setup-rubric", args=[personas.project.slug]), largest_rubric())
        assert page.status_code == 302
        rubric, _ = specs_of(personas.project.policy)
        assert len(rubric.axes) == len(rubric.label_sets) == MOST_ROWS
        assert (
            LabelValue.objects.filter(label_set__rubric=personas.project.policy.rubric).count()
            == MOST_ROWS**2
        )

    def test_of_the_longest_rating_are_taken(self, client):
        body = b"comment=" + b"%F0%9F%91%A9" * 50_000 + b"&revised_response=" + b"%E5%AE%89" * 100_000
        assert client.post(reverse("login"), body, content_type=FORM).status_code == 200


class TestFiles:
    def test_are_taken_up_to_their_own_limit(self, admin, personas):
        assert upload(admin, personas.project, 4 * MEGABYTE).status_code == 302

    def test_that_are_larger_are_refused_with_what_to_do(self, admin, personas, settings):
        settings.UPLOAD_MAX_SIZE = MEGABYTE
        page = upload(admin, personas.project, 2 * MEGABYTE)
        assert page.status_code == 413 and "larger than 1 MB" in page.content.decode()
        assert "split it" in page.content.decode()
