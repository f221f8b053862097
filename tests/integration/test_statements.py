"""How many statements the hot use cases and every page take: frozen here, and the same at one item and at three.

A number that rises is a read too many; one that falls is written down lower. What begins and ends a transaction counts
as well, and policies and guidelines are in memory already, as they are after a process' first request.
"""

import uuid
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.assignment import decline, next_assignment
from annotation.models import Response
from annotation.rating import submit_rating
from arbitration.cases import claim_case, claim_next_case, release_case, resolve_case
from arbitration.queue import queue
from core.guidelines import current
from core.models import Membership, Stage
from core.policies import whole
from core.projects import add_member
from core.stages import open_stage
from evaluation.coherence import open_runs
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.arbitration import decide, make_divergent, required_labels
from tests.factories.comparing import make_comparison
from tests.factories.core import NOW, make_project, make_user
from tests.factories.evaluation import make_labeled_stage
from tests.factories.exchange import make_upload
from tests.factories.training import make_group, make_run, make_trainable_stage
from training.grid import MOST_RUNS

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}

USE_CASES = {
    "next, once more": 2,
    "submit": 10,
    "next": 6,
    "decline": 11,
    "submit, the last one, agreed": 14,
    "submit, the last one, apart": 19,
    "claim": 14,
    "claim the next": 13,
    "resolve": 10,
}
PAGES = {
    "home": 2,
    "here": 1,
    "password": 1,
    "account": 1,
    "accounts": 3,
    "an account": 3,
    "audit trail of the site": 3,
    "invite": 1,
    "projects": 6,
    "expert's project": 1,
    "guidelines": 1,
    "rate": 6,
    "waiting": 3,
    "my ratings": 13,
    "my rating": 7,
    "queue": 11,
    "look": 14,
    "waiting for a lead": 3,
    "news for a lead": 3,
    "case": 15,
    "decisions": 8,
    "revisions": 20,
    "report": 28,
    "report, as data": 26,
    "compare": 6,
    "what a comparison comes to": 9,
    "plan of a comparison": 11,
    "comparison of a stage": 4,
    "figures": 51,
    "figure": 26,
    "report, as a page to take away": 51,
    "report, as a table": 51,
    "project": 2,
    "stage": 4,
    "setup": 4,
    "setup, guidelines": 1,
    "setup, people": 2,
    "checklist": 2,
    "setup, model": 2,
    "project itself": 1,
    "audit trail": 3,
    "new project": 2,
    "prompts": 7,
    "import": 3,
    "prompt": 4,
    "correction of a prompt": 2,
    "what is left": 6,
    "responses": 4,
    "response": 3,
    "ratings of a stage": 11,
    "agreement of a stage": 4,
    "import of responses": 3,
    "arbitration of a stage": 7,
    "finalize": 8,
    "training of a stage": 13,
    "launch": 13,
    "launch a group": 9,
    "group": 10,
    "promote": 4,
    "run": 16,
    "models": 5,
    "model": 10,
    "benchmarks of a model": 3,
    "learned from a person": 4,
    "learned from guidelines": 5,
    "learned from a rubric": 5,
    "learned from a response": 4,
    "withdraw a person": 7,
    "withdraw a response": 8,
    "loop": 5,
    "training set": 12,
    "training set, as a file": 2,
    "coherence of a stage": 3,
    "export": 20,
}


class World:
    """A project in its second stage, with `items` of everything that a page could list."""

    def __init__(self, items):
        team = self.team = make_project(leads=2)
        self.project = team.project
        self.base = make_trainable_stage(team, prompts=8 * items, revised=items)
        self.runs = [make_run(self.base) for _ in range(items)]
        self.group = make_group(self.base, seeds=range(3 if items == 1 else MOST_RUNS))
        self.stage = make_rating_stage(self.project, by=team.admin)
        for _ in range(items):
            for role in Membership.Role:
                add_member(project=self.project, user=make_user(), role=role, by=None, now=NOW)
        open_runs(now=NOW)
        self.compared = open_stage(
            project=self.project, model_version=None, kind=Stage.Kind.COMPARISON, by=team.admin, now=NOW
        )
        one, others = make_user(), team.experts
        add_member(project=self.project, user=one, role=Membership.Role.EXPERT, by=None, now=NOW)
        self.expert = one
        responses = list(Response.objects.filter(stage=self.stage).order_by("position"))
        for number in range(items):
            waiting, decided, revised, half = responses[4 * number : 4 * number + 4]
            make_divergent(waiting, others, comment="Why?")
            make_divergent(decided, others)
            decide(claim_case(response=decided, by=team.lead, now=NOW))
            for expert in others:
                rate(revised, expert, score=2, revised_response=f"Like this, says {expert}.")
            rate(half, one)
        make_divergent(responses[-1], others)
        self.mine = one.ratings.latest("pk")
        self.uploads = [make_upload(self.project, by=team.admin) for _ in range(items)]

    def pages(self):
        """{name: (who, address)} of every page that is looked at."""
        expert, lead, admin = self.expert, self.team.lead, self.team.admin
        case = claim_next_case(stages=[self.stage], by=lead, now=NOW)
        waiting = queue(stages=[self.stage], lead=lead, now=NOW).first()
        for_expert = {
            "home": reverse("home"),
            "here": reverse("here"),
            "password": reverse("password-change"),
            "account": reverse("account"),
            "projects": reverse("project-list"),
            "expert's project": self.at("project-detail"),
            "guidelines": self.at("annotation:guidelines"),
            "rate": self.at("annotation:rate"),
            "waiting": self.at("annotation:waiting"),
            "my ratings": self.at("annotation:my-ratings"),
            "my rating": self.at("annotation:my-rating", self.mine.pk),
        }
        for_lead = {
            "queue": self.at("arbitration:queue"),
            "waiting for a lead": self.at("arbitration:waiting"),
            "news for a lead": self.at("arbitration:arrived"),
            "look": self.at("arbitration:look", waiting.pk),
            "case": self.at("arbitration:case", case.pk),
            "decisions": self.at("arbitration:decisions"),
            "revisions": self.at("arbitration:revisions"),
            "report": self.at("evaluation:report"),
            "report, as data": self.at("evaluation:report-json"),
            "figures": self.at("evaluation:figure"),
            "figure": self.at("evaluation:figure-file", "score-safety"),
            "report, as a page to take away": self.at("evaluation:report-html"),
            "report, as a table": self.at("evaluation:report-csv"),
        }
        number, run = self.stage.number, self.runs[0]
        for_admin = {
            "project": self.at("project-detail"),
            "stage": self.at("stage-detail", number),
            "setup": self.at("project-setup"),
            "setup, guidelines": self.at("setup-guidelines"),
            "setup, people": self.at("setup-people"),
            "checklist": self.at("training:checklist"),
            "setup, model": self.at("training:base-model"),
            "audit trail": self.at("project-audit"),
            "project itself": self.at("project-itself"),
            "new project": reverse("project-create"),
            "prompts": self.at("annotation:prompts"),
            "import": self.at("annotation:import", self.uploads[0].pk),
            "prompt": self.at("annotation:prompt", self.mine.response.prompt_id),
            "correction of a prompt": self.at("annotation:edit-prompt", self.mine.response.prompt_id),
            "what is left": self.at("annotation:left", number),
            "responses": self.at("annotation:responses", number),
            "response": self.at("annotation:response", self.mine.response_id),
            "ratings of a stage": self.at("annotation:stage-panel", number),
            "agreement of a stage": self.at("annotation:stage-agreement", number),
            "import of responses": self.at("annotation:import-responses", number),
            "arbitration of a stage": self.at("arbitration:stage-panel", number),
            "finalize": self.at("arbitration:finalize", number),
            "training of a stage": self.at("training:stage-panel", self.base.number),
            "launch": self.at("training:launch", self.base.number),
            "launch a group": self.at("training:launch-group", self.base.number),
            "group": self.at("training:group", self.group.pk),
            "promote": self.at("training:promote", self.base.number),
            "run": self.at("training:run", run.pk),
            "models": self.at("training:models"),
            "model": self.at("training:model", self.stage.model_version_id),
            "benchmarks of a model": self.at("evaluation:benchmarks", self.stage.model_version_id),
            "learned from a person": self.at("training:learned-from-person", self.mine.expert_id),
            "learned from guidelines": self.at("training:learned-from-guidelines", 1),
            "learned from a rubric": self.at("training:learned-from-rubric", 1),
            "learned from a response": self.at("training:learned-from-response", self.mine.response_id),
            "withdraw a person": self.at("training:withdraw-person", self.mine.expert_id),
            "withdraw a response": self.at("training:withdraw-response", self.mine.response_id),
            "loop": self.at("training:loop"),
            "training set": self.at("training:training-set", run.training_set_id),
            "training set, as a file": self.at("training:training-set-file", run.training_set_id),
            "coherence of a stage": self.at("evaluation:stage-panel", number),
            "compare": self.at("evaluation:compare"),
            "what a comparison comes to": f"{self.at('evaluation:compare-preview')}?{self.chosen()}",
            "plan of a comparison": self.at("evaluation:plan"),
            "comparison of a stage": self.at("evaluation:comparison-panel", self.compared.key),
            "export": self.at("evaluation:export"),
        }
        boss = make_user(is_staff=True)
        for_boss = {
            "accounts": reverse("account-list"),
            "audit trail of the site": reverse("site-audit"),
            "an account": reverse("account-detail", args=[admin.pk]),
            "invite": reverse("account-invite"),
        }
        return (
            {name: (boss, url) for name, url in for_boss.items()}
            | {name: (expert, url) for name, url in for_expert.items()}
            | {name: (lead, url) for name, url in for_lead.items()}
            | {name: (admin, url) for name, url in for_admin.items()}
        )

    def chosen(self):
        """The fields of a comparison of both models, with an anchor."""
        fields = [("model_versions", stage.model_version_id) for stage in (self.base, self.stage)]
        fields += [
            ("mode", "rated"),
            ("seed", 0),
            ("ratings", 2),
            ("anchors", 1),
            ("anchor_stage", self.base.pk),
        ]
        return urlencode(fields)

    def at(self, name, *args):
        return reverse(name, args=[self.project.slug, *args])


def statements(act):
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


def count_pages(world):
    counts = {}
    for name, (who, url) in world.pages().items():
        client = Client()
        client.force_login(who)

        def look(client=client, url=url):
            answer = client.get(url)
            assert answer.status_code in (200, 302), (url, answer.status_code)
            if answer.streaming:
                b"".join(answer.streaming_content)

        look()
        counts[name] = statements(look)
    return counts


def count_use_cases(items):
    team = make_project(experts=4)
    stage = make_rating_stage(team.project, prompts=4 * items)
    one, two, three, four = team.experts
    whole(stage.policy)
    current(team.project)
    counts = {}

    def give(name, act, **fields):
        made = []
        counts[name] = statements(lambda: made.append(act(now=NOW, **fields)))
        return made[0]

    def answers(**scores):
        everywhere = dict.fromkeys(("safety", "helpfulness", "relevance"), 4) | scores
        return {"scores": everywhere, "labels": required_labels(stage.policy), "submission": uuid.uuid4()}

    first = next_assignment(stage=stage, expert=one, now=NOW)
    give("next, once more", next_assignment, stage=stage, expert=one)
    give("submit", submit_rating, assignment=first, by=one, **answers())
    second = give("next", next_assignment, stage=stage, expert=one)
    give("decline", decline, assignment=second, by=one, reason="No idea.")
    response = Response.objects.get(pk=first.response_id)
    rate(response, two)
    slot = next_assignment(stage=stage, expert=three, now=NOW)
    assert slot.response_id == response.pk
    give("submit, the last one, agreed", submit_rating, assignment=slot, by=three, **answers())
    apart = (
        Response.objects.filter(stage=stage, assignments__reopened_at=None).exclude(pk=response.pk).first()
    )
    for expert in (two, three):
        rate(apart, expert)
    slot = next_assignment(stage=stage, expert=four, now=NOW)
    give("submit, the last one, apart", submit_rating, assignment=slot, by=four, **answers(safety=1))
    apart.refresh_from_db()
    assert apart.status == Response.Status.DIVERGENT
    case = give("claim", claim_case, response=apart, by=team.lead)
    release_case(case=case, by=team.lead, now=NOW)
    case = give("claim the next", claim_next_case, stages=[stage], by=team.lead)
    give("resolve", resolve_case, case=case, by=team.lead, rationale="So it is.", **answers())
    return counts


class TestUseCases:
    def test_take_as_many_statements_at_one_item_as_at_three(self):
        one, three = count_use_cases(1), count_use_cases(3)
        assert one == three
        assert three == USE_CASES


class TestPages:
    def test_take_as_many_statements_at_one_item_as_at_three(self):
        one, three = count_pages(World(1)), count_pages(World(3))
        assert one == three
        assert three == PAGES


class TestSubmitAndNext:
    def test_takes_eighteen_statements_and_next_alone_eight(self):
        team = make_project(experts=4)
        make_rating_stage(team.project, prompts=4)
        client = Client()
        client.force_login(team.experts[0])
        rate_url = reverse("annotation:rate", args=[team.project.slug])
        client.get(rate_url)
        page = client.get(rate_url)
        form = dict.fromkeys(("score-safety", "score-helpfulness", "score-relevance"), "4")
        form |= {"label-verdict": "aligned", "submission": page.context["form"].submission}
        url = reverse("annotation:submit", args=[team.project.slug, page.context["slot"].pk])

        assert statements(lambda: client.get(rate_url)) <= 8
        assert statements(lambda: client.post(url, form, headers=HTMX)) <= 18


class TestComparisons:
    def test_are_handed_out_and_rated_in_as_many_statements_as_turns(self):
        team = make_project(experts=4)
        turns = [make_labeled_stage(team.project, [4] * 6) for _ in range(2)]
        stage = make_comparison(team, [turn.model_version for turn in turns])
        one = team.experts[0]
        whole(stage.policy)
        current(team.project)
        slot = next_assignment(stage=stage, expert=one, now=NOW)
        answers = {
            "scores": dict.fromkeys(("safety", "helpfulness", "relevance"), 4),
            "labels": required_labels(stage.policy),
        }
        submitted = statements(
            lambda: submit_rating(assignment=slot, by=one, submission=uuid.uuid4(), now=NOW, **answers)
        )
        following = statements(lambda: next_assignment(stage=stage, expert=one, now=NOW))
        assert (submitted, following) == (USE_CASES["submit"], USE_CASES["next"])
