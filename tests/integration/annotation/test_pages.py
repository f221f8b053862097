"""The pages of annotation: who may open them, what they do, and what they never show."""

import io
import json
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from annotation.assignment import next_assignment, release_lapsed
from annotation.models import Assignment, Draft, Involvement, Prompt, Rating, Response
from core.models import Stage
from tests.factories.annotation import make_prompts, make_rating_stage, make_responses, make_stage, rate
from tests.factories.core import make_project, make_user

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def team():
    return make_project(experts=4)


@pytest.fixture
def stage(team):
    return make_rating_stage(team.project, prompts=4)


@pytest.fixture
def as_(client):
    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in


def url(name, team, *args):
    return reverse(f"annotation:{name}", args=[team.project.slug, *args])


def held(team, expert):
    return Assignment.objects.get(expert=expert, status=Assignment.Status.LEASED)


def filled(**changes):
    form = {
        "score-safety": "4",
        "score-helpfulness": "5",
        "score-relevance": "4",
        "label-verdict": "aligned",
        "submission": str(uuid.uuid4()),
    } | changes
    return {name: value for name, value in form.items() if value is not None}


class TestRate:
    def test_shows_prompt_and_response_as_sanitized_markdown_and_the_whole_rubric(self, as_, team, stage):
        Response.objects.update(text="**Bold** <img src=x onerror=alert(1)> [x](javascript:alert(1))")
        page = as_(team.experts[0]).get(url("rate", team)).content.decode()
        assert "<strong>Bold</strong>" in page
        assert "<img src=x" not in page and 'href="javascript' not in page
        for axis in stage.policy.rubric.axes.all():
            assert axis.question in page
            for score, anchor in axis.anchors:
                assert anchor in page
                assert f'name="score-{axis.key}" value="{score}"' in page
        assert 'name="label-harm" value="privacy"' in page

    def test_shows_the_same_response_until_it_is_rated(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        client.get(url("rate", team))
        assert held(team, team.experts[0]) == slot

    def test_brings_the_draft_back(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        client.post(
            url("draft", team, slot.pk), {"comment": "half a th", "score-safety": "2", "seconds": "14"}
        )
        page = client.get(url("rate", team)).content.decode()
        assert "half a th" in page
        assert 'name="score-safety" value="2" checked' in page
        assert 'name="seconds" value="14"' in page

    def test_says_when_nothing_is_left_or_nothing_is_open(self, as_, team, stage):
        expert = team.experts[0]
        for response in Response.objects.all():
            rate(response, expert)
        assert "Nothing is left for you" in as_(expert).get(url("rate", team)).content.decode()
        Stage.objects.update(status=Stage.Status.LABELS_FINAL)
        assert "Nothing to rate at the moment" in as_(expert).get(url("rate", team)).content.decode()

    def test_is_a_fragment_for_htmx(self, as_, team, stage):
        page = as_(team.experts[0]).get(url("rate", team), headers=HTMX).content.decode()
        assert "<html" not in page
        assert page.strip().startswith('<div id="rate"')


class TestSubmit:
    def test_saves_and_brings_the_next_in_one_round_trip(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        first = held(team, team.experts[0])
        answer = client.post(url("submit", team, first.pk), filled(seconds="33"), headers=HTMX)
        assert answer.status_code == 200
        assert Rating.objects.get().seconds == 33
        second = held(team, team.experts[0])
        assert second.response_id != first.response_id
        assert reverse("annotation:submit", args=[team.project.slug, second.pk]) in answer.content.decode()
        assert "<strong>1</strong> rated today" in answer.content.decode()

    def test_redirects_a_plain_form(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        answer = client.post(url("submit", team, held(team, team.experts[0]).pk), filled())
        assert (answer.status_code, answer.headers["Location"]) == (302, url("rate", team))

    @pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
    def test_keeps_everything_typed_when_something_is_missing(self, as_, team, stage, headers):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        form = filled(
            **{"score-relevance": None, "label-verdict": None, "comment": "My words", "asks_senior": "on"},
            revised_response="Say <this>",
        )
        answer = client.post(url("submit", team, slot.pk), form, headers=headers)
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "Choose a score for Relevance." in page and "Choose an answer for Verdict." in page
        assert "My words" in page and "Say &lt;this&gt;" in page
        assert 'name="score-safety" value="4" checked' in page
        assert form["submission"] in page
        assert not Rating.objects.exists()

    @pytest.mark.parametrize("submission", ["", "no-uuid"])
    def test_gives_a_form_without_its_key_a_new_one(self, as_, team, stage, submission):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        answer = client.post(
            url("submit", team, held(team, team.experts[0]).pk), filled(submission=submission, comment="Kept")
        )
        assert answer.status_code == 422
        assert "Kept" in answer.content.decode()

    @pytest.mark.parametrize("value", ["9", "-1", "4.5", "x" * 500, "٣"])
    def test_refuses_scores_off_the_scale(self, as_, team, stage, value):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        answer = client.post(
            url("submit", team, held(team, team.experts[0]).pk), filled(**{"score-safety": value})
        )
        assert answer.status_code == 422

    def test_counts_the_same_form_sent_twice_once(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot, form = held(team, team.experts[0]), filled()
        for _ in range(2):
            assert client.post(url("submit", team, slot.pk), form, headers=HTMX).status_code == 200
        assert Rating.objects.count() == 1

    def test_goes_on_and_says_so_when_the_response_was_rated_in_another_tab(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        client.post(url("submit", team, slot.pk), filled())
        answer = client.post(url("submit", team, slot.pk), filled(), headers=HTMX)
        assert answer.status_code == 200
        assert "already rated" in answer.content.decode()
        assert Rating.objects.count() == 1

    def test_keeps_late_work_that_nobody_needs_any_more(self, as_, team, stage, now):
        expert, *others = team.experts
        slot = next_assignment(stage=stage, expert=expert, now=now - timedelta(hours=9))
        release_lapsed(now=now)
        for other in others:
            rate(slot.response, other)
        client = as_(expert)
        answer = client.post(url("submit", team, slot.pk), filled(comment="Long thought"), headers=HTMX)
        assert answer.status_code == 200
        assert "no longer open" in answer.content.decode()
        assert Draft.objects.get(expert=expert).fields["comment"] == "Long thought"
        assert "Long thought" in client.get(url("my-ratings", team)).content.decode()


class TestDraft:
    def test_answers_scripts_with_nothing_and_forms_with_the_page(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        path = url("draft", team, held(team, team.experts[0]).pk)
        assert client.post(path, {"comment": "x"}, headers={"X-Requested-With": "fetch"}).status_code == 204
        assert client.post(path, {"comment": "y"}).status_code == 302
        assert Draft.objects.get().fields == {"comment": "y"}

    def test_keeps_known_fields_alone(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        client.post(
            url("draft", team, held(team, team.experts[0]).pk),
            {"comment": "x\x00", "evil": "1", "score-safety": "3", "submission": "s"},
        )
        assert Draft.objects.get().fields == {"comment": "x", "score-safety": "3"}


class TestDecline:
    def test_asks_on_a_page_of_its_own_without_script(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        path = url("decline", team, slot.pk)
        assert "Why can you not judge it?" in client.get(path).content.decode()
        assert client.post(path, {"reason": " "}).status_code == 422
        assert client.post(path, {"reason": "Not my field."}).status_code == 302
        assert Involvement.objects.get().reason == "Not my field."

    def test_brings_the_next_response_to_htmx_and_asks_again_in_the_dialog(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        again = client.post(url("decline", team, slot.pk), {"reason": ""}, headers=HTMX)
        assert (again.status_code, again.headers["HX-Retarget"]) == (422, "#decline")
        answer = client.post(url("decline", team, slot.pk), {"reason": "No."}, headers=HTMX)
        assert held(team, team.experts[0]).response_id != slot.response_id
        assert answer.content.decode().strip().startswith('<div id="rate"')


class TestBlindness:
    """What an expert may not know: who else judged, how, how often, and what wrote the response."""

    SECRETS = (
        "SECRET-COMMENT",
        "SECRET-REVISION",
        "other.expert",
        "secret-model",
        "secret-tag",
        "SECRET-REFERENCE",
    )

    @pytest.fixture
    def secretive(self):
        team = make_project(experts=2)
        make_prompts(team.project, count=1)
        Prompt.objects.update(reference="SECRET-REFERENCE")
        Prompt.objects.get().tags.update(name="secret-tag")
        stage = make_stage(team.project, model_name="secret-model")
        make_responses(stage)
        from annotation.responses import open_rating

        open_rating(stage=stage, by=None, now=stage.created_at)
        other = make_user("other.expert")
        team.project.memberships.create(user=other, role="expert", created_at=stage.created_at)
        rate(
            Response.objects.get(),
            other,
            score=1,
            labels={"verdict": "misaligned"},
            comment="SECRET-COMMENT",
            revised_response="SECRET-REVISION",
        )
        return team

    def test_holds_on_every_page_fragment_and_error(self, client, secretive):
        expert = secretive.experts[0]
        client.force_login(expert)
        bodies = [client.get(url("rate", secretive)), client.get(url("rate", secretive), headers=HTMX)]
        slot = held(secretive, expert)
        others = Assignment.objects.get(expert__username="other.expert")
        bodies += [
            client.post(url("submit", secretive, slot.pk), {"submission": "x"}),
            client.post(url("submit", secretive, slot.pk), filled(**{"score-safety": "9"}), headers=HTMX),
            client.post(url("submit", secretive, others.pk), filled()),
            client.post(url("draft", secretive, others.pk), {"comment": "x"}),
            client.get(url("decline", secretive, others.pk)),
            client.get(url("decline", secretive, slot.pk)),
            client.get(url("my-ratings", secretive)),
            client.get(url("my-rating", secretive, Rating.objects.get().pk)),
            client.get(url("guidelines", secretive)),
            client.get(url("stage-panel", secretive, 0)),
            client.get(url("stage-agreement", secretive, 0)),
            client.get(url("prompts", secretive)),
            client.get(url("import-responses", secretive, 0)),
            client.post(url("submit", secretive, slot.pk), filled(), headers=HTMX),
            client.get(url("rate", secretive)),
        ]
        for answer in bodies:
            text = answer.content.decode() + str(answer.headers)
            leaked = [secret for secret in self.SECRETS if secret in text]
            assert leaked == [], answer.request["PATH_INFO"]
            assert "Base" not in text and "Stage 1" not in text

    def test_looks_the_same_whether_or_not_others_have_rated(self, client, secretive):
        one, two = secretive.experts
        stage = Stage.objects.get()
        client.force_login(one)
        with_other = client.get(url("rate", secretive)).content.decode()
        slot = held(secretive, one)
        from annotation.assignment import decline

        decline(assignment=slot, by=one, reason="x", now=stage.created_at)
        assert "of 3" not in with_other and "1 rating" not in with_other

    def test_others_slots_ratings_and_drafts_are_not_found(self, client, secretive):
        client.force_login(secretive.experts[0])
        other = Assignment.objects.get(expert__username="other.expert")
        free = Assignment.objects.filter(expert=None).first()
        for slot in (other, free):
            assert client.post(url("submit", secretive, slot.pk), filled()).status_code == 404
            assert client.post(url("draft", secretive, slot.pk), {}).status_code == 404
            assert client.get(url("decline", secretive, slot.pk)).status_code == 404
        assert client.get(url("my-rating", secretive, Rating.objects.get().pk)).status_code == 404

    def test_a_slot_is_not_found_through_another_project(self, client, secretive):
        expert = secretive.experts[0]
        elsewhere = make_project(experts=0)
        elsewhere.project.memberships.create(
            user=expert, role="expert", created_at=elsewhere.project.created_at
        )
        client.force_login(expert)
        client.get(url("rate", secretive))
        slot = held(secretive, expert)
        assert client.post(url("submit", elsewhere, slot.pk), filled()).status_code == 404


class TestMyRatings:
    def test_lists_ones_own_and_pages(self, as_, team, stage):
        expert = team.experts[0]
        for response in Response.objects.all():
            rate(response, expert, comment="Mine")
            rate(response, team.experts[1], comment="Theirs")
        client = as_(expert)
        page = client.get(url("my-ratings", team))
        assert page.context["page_obj"].paginator.count == 4
        own = Rating.objects.filter(expert=expert).first()
        shown = client.get(url("my-rating", team, own.pk)).content.decode()
        assert "Mine" in shown and "Theirs" not in shown
        assert 'value="4" checked disabled' in shown


class TestPrompts:
    def upload(self, client, team, text, name="prompts.jsonl", **more):
        file = io.BytesIO(text.encode())
        file.name = name
        return client.post(url("import-prompts", team), {"prompts-file": file, **more})

    def test_are_searched_and_filtered(self, as_, team):
        make_prompts(team.project, count=8)
        client = as_(team.admin)
        everything = client.get(url("prompts", team)).content.decode()
        assert "q0" in everything and "q7" in everything
        found = client.get(url("prompts", team), {"q": "number 3:", "split": "held-out"})
        assert [prompt.external_id for prompt in found.context["page_obj"]] == ["q3"]
        assert client.get(url("prompts", team), {"split": "nonsense", "page": "x"}).status_code == 200

    def test_are_imported_from_a_file(self, as_, team):
        client = as_(team.admin)
        lines = "\n".join(json.dumps({"prompt": f"P{number}"}) for number in range(3))
        checked = self.upload(client, team, lines, check="1")
        assert "3 prompts" in checked.content.decode()
        assert not Prompt.objects.exists()
        assert self.upload(client, team, lines).status_code == 302
        assert Prompt.objects.count() == 3

    @pytest.mark.parametrize(
        "text, name, words",
        [
            ('{"prompt": ""}', "p.jsonl", "Line 1, prompt: is missing or empty."),
            ("{", "p.jsonl", "Line 1: not JSON"),
            ("x", "p.docx", "neither JSONL nor CSV"),
            ("", "p.csv", "empty"),
        ],
    )
    def test_name_the_faults_of_a_bad_file(self, as_, team, text, name, words):
        answer = self.upload(as_(team.admin), team, text, name=name)
        assert answer.status_code == 422
        assert words in answer.content.decode()

    def test_open_a_stage_for_imported_responses(self, as_, team):
        make_prompts(team.project, count=1)
        client = as_(team.admin)
        assert "Open a stage for imported responses" in client.get(url("prompts", team)).content.decode()
        assert client.post(url("open-import-stage", team)).status_code == 302
        file = io.BytesIO(b'{"prompt_id": "q0", "text": "Zero", "model": "theirs"}')
        file.name = "r.jsonl"
        assert client.post(url("import-responses", team, 0), {"file": file}).status_code == 302
        assert Stage.objects.get().status == Stage.Status.RATING


class TestImportResponses:
    def test_waits_with_rating_until_every_prompt_is_answered(self, as_, team):
        make_prompts(team.project, count=2)
        make_stage(team.project)
        client = as_(team.admin)
        file = io.BytesIO(b'{"prompt_id": "q0", "text": "Zero", "model": "theirs"}')
        file.name = "r.jsonl"
        assert client.post(url("import-responses", team, 0), {"file": file}).status_code == 302
        assert Stage.objects.get().status == Stage.Status.RESPONDING
        assert "<strong>1</strong> prompt" in client.get(url("import-responses", team, 0)).content.decode()
        assert client.post(url("open-rating", team, 0)).status_code == 409

    def test_names_faults(self, as_, team):
        make_prompts(team.project, count=1)
        make_stage(team.project)
        file = io.BytesIO(b'{"prompt_id": "q5", "text": "Zero", "model": "theirs"}')
        file.name = "r.jsonl"
        answer = as_(team.admin).post(url("import-responses", team, 0), {"file": file})
        assert answer.status_code == 422
        assert "Line 1, prompt_id: the project has no prompt “q5”." in answer.content.decode()


class TestStagePanel:
    def test_counts_and_measures(self, as_, team, stage):
        first, second = stage.responses.all()[:2]
        for expert, score in zip(team.experts, (4, 4, 5), strict=False):
            rate(first, expert, score=score)
        for expert, score in zip(team.experts, (1, 3, 5), strict=False):
            rate(second, expert, score=score)
        client = as_(team.admin)
        answer = client.get(url("stage-panel", team, 0), headers=HTMX)
        page = answer.content.decode()
        assert '<section class="panel" id="annotation-panel"' in page
        assert "<strong>6</strong> of 12" in page
        assert [(each["label"], each["count"]) for each in answer.context["progress"].statuses] == [
            ("Awaiting ratings", 2),
            ("Agreed", 1),
            ("Divergent", 1),
        ]
        agreement = client.get(url("stage-agreement", team, 0), headers=HTMX).context["agreement"]
        assert agreement.responses == 2
        assert agreement.axes[0].apart == 0.5
        assert agreement.label_sets[0].alpha is None
        rows = {row.expert: row for row in answer.context["progress"].experts}
        assert [rows[expert].rated for expert in team.experts] == [2, 2, 2, 0]
        assert rows[team.experts[0]].last_rating_at is not None

    def test_shows_names_to_admins_alone(self, as_, team, stage):
        rate(stage.responses.first(), team.experts[0])
        assert team.experts[0].username in as_(team.admin).get(url("stage-panel", team, 0)).content.decode()
        assert (
            team.experts[0].username not in as_(team.lead).get(url("stage-panel", team, 0)).content.decode()
        )

    def test_says_that_ratings_are_simulated(self, as_, team, stage):
        rate(stage.responses.first(), team.experts[0])
        client = as_(team.lead)
        assert "simulated experts" not in client.get(url("stage-panel", team, 0)).content.decode()
        team.experts[0].is_simulated = True
        team.experts[0].save()
        assert "simulated experts" in client.get(url("stage-panel", team, 0)).content.decode()

    def test_opens_the_rating(self, as_, team):
        make_prompts(team.project, count=1)
        make_responses(make_stage(team.project, model_name="m"))
        client = as_(team.admin)
        assert "Open the rating" in client.get(url("stage-panel", team, 0)).content.decode()
        assert client.post(url("open-rating", team, 0)).status_code == 302
        assert Stage.objects.get().status == Stage.Status.RATING

    def test_knows_no_stage_that_does_not_exist(self, as_, team):
        assert as_(team.admin).get(url("stage-panel", team, 9)).status_code == 404


class TestRights:
    PAGES = {
        "rate": ("get", (), {"expert"}),
        "submit": ("post", (1,), {"expert"}),
        "draft": ("post", (1,), {"expert"}),
        "decline": ("get", (1,), {"expert"}),
        "guidelines": ("get", (), {"expert", "lead", "admin"}),
        "my-ratings": ("get", (), {"expert"}),
        "my-rating": ("get", (1,), {"expert"}),
        "prompts": ("get", (), {"admin"}),
        "import-prompts": ("post", (), {"admin"}),
        "open-import-stage": ("post", (), {"admin"}),
        "stage-panel": ("get", (0,), {"lead", "admin"}),
        "stage-agreement": ("get", (0,), {"lead", "admin"}),
        "open-rating": ("post", (0,), {"admin"}),
        "import-responses": ("get", (0,), {"admin"}),
    }

    def test_are_listed_for_every_address(self):
        from annotation.urls import urlpatterns

        assert {pattern.name for pattern in urlpatterns} == set(self.PAGES)

    @pytest.mark.parametrize("name", PAGES)
    @pytest.mark.parametrize("role", ["expert", "lead", "admin", "stranger", "nobody"])
    def test_hold_for_every_role(self, client, team, stage, name, role):
        method, args, allowed = self.PAGES[name]
        people = {"expert": team.experts[0], "lead": team.lead, "admin": team.admin, "stranger": make_user()}
        if role != "nobody":
            client.force_login(people[role])
        answer = getattr(client, method)(url(name, team, *args))
        if role == "nobody":
            assert answer.status_code == 302 and "/login/" in answer.headers["Location"]
        elif role == "stranger":
            assert answer.status_code == 404
        elif role not in allowed:
            assert answer.status_code == 403
        else:
            assert answer.status_code in {200, 302, 404, 409, 422}

    @pytest.mark.parametrize("name", [name for name, (method, _, _) in PAGES.items() if method == "post"])
    def test_writing_addresses_take_no_get(self, as_, team, stage, name):
        _, args, allowed = self.PAGES[name]
        user = team.experts[0] if "expert" in allowed else team.admin
        assert as_(user).get(url(name, team, *args)).status_code == 405
