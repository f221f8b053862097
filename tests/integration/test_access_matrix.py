"""Every address × every role × GET and POST. What each answers is written down here, so that a new address without a
row, or a right that changed, fails."""

import re
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from annotation.assignment import next_assignment
from annotation.models import Rating
from annotation.responses import open_rating
from arbitration.cases import claim_case
from core.guidelines import write_guidelines
from core.models import Membership, ModelVersion, Project, Stage, User
from core.projects import add_member, revise
from core.rubrics import DEFAULT_RUBRIC, PolicySpec
from core.stages import open_stage
from evaluation.coherence import open_runs
from tests.factories.annotation import make_responses, rate
from tests.factories.arbitration import decide, make_divergent
from tests.factories.comparing import make_pairs_of
from tests.factories.core import NOW, make_project, make_user
from tests.factories.exchange import make_upload
from tests.factories.training import make_group, make_run, make_sampling, make_trainable_stage
from training.aliases import point_alias
from training.generation import launch_generation

pytestmark = pytest.mark.django_db

# outsider: an account without a role. neighbour: admin, lead and expert of another project. colleague: an expert of
# this one before whom nothing of what is asked for lies. peer: another lead than the one who holds the case.
PERSONAS = ["anonymous", "outsider", "neighbour", "colleague", "expert", "peer", "lead", "admin"]
# GET/POST, a POST without any field but the form's token. 302 of anonymous is the way to the sign-in page.
TABLE = """
                              anonym. outsid. neighb. colleag expert  peer    lead    admin
healthz                       200/405 200/405 200/405 200/405 200/405 200/405 200/405 200/405
here                          200/405 200/405 200/405 200/405 200/405 200/405 200/405 200/405
home                          302/302 302/302 302/302 302/302 302/302 302/302 302/302 302/302
login                         200/200 302/302 302/302 302/302 302/302 302/302 302/302 302/302
logout                        405/302 405/302 405/302 405/302 405/302 405/302 405/302 405/302
password-change               302/302 200/200 200/200 200/200 200/200 200/200 200/200 200/200
account                       302/302 200/302 200/302 200/302 200/302 200/302 200/302 200/302
sign-out-elsewhere            405/302 405/302 405/302 405/302 405/302 405/302 405/302 405/302
password-link                 404/404 404/404 404/404 404/404 404/404 404/404 404/404 404/404
account-list                  302/405 403/405 403/405 403/405 403/405 403/405 403/405 403/405
account-invite                302/302 403/403 403/403 403/403 403/403 403/403 403/403 403/403
account-detail                302/302 403/403 403/403 403/403 403/403 403/403 403/403 403/403
account-link                  405/302 405/403 405/403 405/403 405/403 405/403 405/403 405/403
account-act                   405/302 405/403 405/403 405/403 405/403 405/403 405/403 405/403
project-list                  302/302 200/200 200/200 200/200 200/200 200/200 200/200 200/200
project-create                302/302 403/403 200/422 403/403 403/403 403/403 403/403 200/422
project-detail                302/302 404/404 404/404 200/200 200/200 200/200 200/200 200/200
stage-detail                  302/302 404/404 404/404 403/403 403/403 200/200 200/200 200/200
site-audit                    302/405 403/405 403/405 403/405 403/405 403/405 403/405 403/405
project-audit                 302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
project-itself                302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
project-rename                405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/422
project-copy                  405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/422
project-archive               405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/409
project-bring-back            405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
project-delete                405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/422
project-setup                 302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
setup-guidelines              302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/302
setup-guidelines-preview      405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/200
setup-people                  302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
setup-rubric                  302/302 404/404 404/404 403/403 403/403 403/403 403/403 405/422
setup-member-add              302/302 404/404 404/404 403/403 403/403 403/403 403/403 405/422
setup-account                 302/302 404/404 404/404 403/403 403/403 403/403 403/403 405/422
setup-member-remove           302/302 404/404 404/404 403/403 403/403 403/403 403/403 405/302
annotation:rate               302/405 404/405 404/405 200/405 200/405 403/405 403/405 403/405
annotation:waiting            302/405 404/405 404/405 200/405 200/405 403/405 403/405 403/405
annotation:submit             405/302 405/404 405/404 405/404 405/422 405/403 405/403 405/403
annotation:draft              405/302 405/404 405/404 405/404 405/302 405/403 405/403 405/403
annotation:decline            302/302 404/404 404/404 404/404 200/422 403/403 403/403 403/403
annotation:submit-preference  405/302 405/404 405/404 405/404 405/422 405/403 405/403 405/403
annotation:draft-preference   405/302 405/404 405/404 405/404 405/302 405/403 405/403 405/403
annotation:decline-pair       302/302 404/404 404/404 404/404 200/422 403/403 403/403 403/403
annotation:take-back-preference 405/302 405/404 405/404 405/404 405/302 405/403 405/403 405/403
annotation:guidelines         302/405 404/405 404/405 200/405 200/405 200/405 200/405 200/405
annotation:guidelines-version 302/405 404/405 404/405 200/405 200/405 200/405 200/405 200/405
annotation:my-ratings         302/405 404/405 404/405 200/405 200/405 403/405 403/405 403/405
annotation:my-rating          302/405 404/405 404/405 404/405 200/405 403/405 403/405 403/405
annotation:take-back          405/302 405/404 405/404 405/404 405/302 405/403 405/403 405/403
annotation:correct            302/302 404/404 404/404 404/404 200/422 403/403 403/403 403/403
annotation:prompts            302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
annotation:called-in          405/302 405/404 405/404 405/302 405/302 405/403 405/403 405/403
annotation:prompt             302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
annotation:edit-prompt        302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/422
annotation:set-aside-prompt   405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/422
annotation:bring-back-prompt  405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
annotation:left               302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/422
annotation:responses          302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
annotation:response           302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
annotation:set-aside          405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/422
annotation:bring-back         405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
annotation:fewer-ratings      405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/422
annotation:call-in            405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
annotation:import-prompts     405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/422
annotation:import             302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
annotation:import-columns     405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/422
annotation:import-write       405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
annotation:import-cancel      405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
annotation:import-discard     405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
annotation:import-resume      405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/409
annotation:open-import-stage  405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/409
annotation:stage-panel        302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
annotation:stage-agreement    302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
annotation:rubric-preview     405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/200
annotation:open-rating        405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
annotation:import-responses   302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/422
arbitration:queue             302/405 404/405 404/405 403/405 403/405 200/405 200/405 403/405
arbitration:waiting           302/405 404/405 404/405 403/405 403/405 200/405 200/405 403/405
arbitration:arrived           302/405 404/405 404/405 403/405 403/405 200/405 200/405 403/405
arbitration:claim-next        405/302 405/404 405/404 405/403 405/403 405/302 405/302 405/403
arbitration:look              302/405 404/405 404/405 403/405 403/405 200/405 200/405 403/405
arbitration:claim             405/302 405/404 405/404 405/403 405/403 405/302 405/302 405/403
arbitration:case              302/405 404/405 404/405 403/405 403/405 404/405 200/405 404/405
arbitration:resolve           405/302 405/404 405/404 405/403 405/403 405/404 405/422 405/403
arbitration:exclude           405/302 405/404 405/404 405/403 405/403 405/404 405/422 405/403
arbitration:release           405/302 405/404 405/404 405/403 405/403 405/404 405/302 405/403
arbitration:call-in           405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
arbitration:return            405/302 405/404 405/404 405/403 405/403 405/404 405/422 405/403
arbitration:one-more          405/302 405/404 405/404 405/403 405/403 405/404 405/302 405/403
arbitration:reopen            405/302 405/404 405/404 405/403 405/403 405/404 405/422 405/422
arbitration:decisions         302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
arbitration:revisions         302/405 404/405 404/405 403/405 403/405 200/405 200/405 403/405
arbitration:accept-revision   405/302 405/404 405/404 405/403 405/403 405/302 405/302 405/403
arbitration:reject-revision   405/302 405/404 405/404 405/403 405/403 405/302 405/302 405/403
arbitration:finalize          302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/409
arbitration:stage-panel       302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
training:generate             302/302 404/404 404/404 403/403 403/403 403/403 403/403 302/302
training:generate-stage       302/302 404/404 404/404 403/403 403/403 403/403 403/403 302/422
training:cancel-generation    405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
training:generate-wanted      405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
training:cancel-wanted        405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
training:open-without         405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/409
training:stage-panel          302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
training:launch               302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/422
training:rehearsal            302/302 404/404 404/404 403/403 403/403 403/403 403/403 302/422
training:launch-group         302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/422
training:group-plan           405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/200
training:group                302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
training:cancel-group         405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
training:resume-group         405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
training:promote              302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/422
training:promotion-request    405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/404
training:run                  302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
training:run-log              302/405 404/405 404/405 403/405 403/405 403/405 403/405 404/405
training:cancel               405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
training:resume               405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
training:base-model           302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/409
training:checklist            302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
training:loop                 302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
training:models               302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
training:model                302/302 404/404 404/404 403/403 403/403 200/403 200/403 200/422
training:drop-alias           405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
training:learned-from-person  302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
training:learned-from-guidelines 302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
training:learned-from-rubric  302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
training:learned-from-response 302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
training:withdraw-person      302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/422
training:withdraw-response    302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/422
training:training-set         302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
training:training-set-file    302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
evaluation:report             302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:compare            302/302 404/404 404/404 403/403 403/403 403/403 403/403 200/422
evaluation:compare-preview    302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
evaluation:plan               302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
evaluation:comparison-panel   302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:report-json        302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:figure             302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:figure-file        302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:report-html        302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:report-csv         302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:benchmarks         302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:spot-checks        302/405 404/405 404/405 403/405 403/405 409/405 409/405 200/405
evaluation:spot-check         302/405 404/405 404/405 403/405 403/405 409/405 409/405 200/405
evaluation:spot-note          405/302 405/404 405/404 405/403 405/403 405/409 405/409 405/422
evaluation:endpoints          302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:register-endpoints 405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/422
evaluation:export             302/405 404/405 404/405 403/405 403/405 403/405 403/405 200/405
evaluation:side-by-side       302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:model-card         302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:stage-panel        302/405 404/405 404/405 403/405 403/405 200/405 200/405 200/405
evaluation:resume-scoring     405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/409
evaluation:cancel-scoring     405/302 405/404 405/404 405/403 405/403 405/403 405/403 405/302
"""
EXPECTED = {
    words[0]: dict(zip(PERSONAS, words[1:], strict=True)) for words in map(str.split, TABLE.splitlines()[2:])
}
UNKNOWN = {"stage_key": 99, "key": "unknown"}  # any other argument: 999999
EXPERTS = ["colleague", "expert"]


@dataclass
class World:
    """A project in the middle of its second turn, its people, and the keys of what lies in it.

    `unseen`: words for leads and admins alone. `secrets`: {expert: words that no answer to them may hold}.
    """

    project: Project
    elsewhere: Project
    people: dict[str, User | None]
    keys: dict[str, dict]
    unseen: list[str] = field(default_factory=list)
    secrets: dict[str, list[str]] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)

    def address(self, name, **other):
        known = {"slug": self.project.slug, "stage_key": 1} | self.keys.get(name, {}) | other
        return reverse(name, kwargs={each: known[each] for each in ADDRESSES[name]})

    def ask(self, who, method, url):
        """(status, everything that was answered); what the request did is undone."""
        client = self.clients[who]
        cookies = client.cookies.copy()
        with transaction.atomic():
            if method == "GET":
                answer = client.get(url)
            else:
                answer = client.post(url, {"csrfmiddlewaretoken": "token"})
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        client.cookies = cookies
        if who == "anonymous" and answer.status_code == 302:
            assert answer["Location"].startswith(reverse("login")), url
        return answer.status_code, f"{answer.headers}{body.decode()}"


def walk(resolver, namespace="", arguments=frozenset()):
    """Every address below `resolver`: {"annotation:rate": names of its arguments}."""
    found = {}
    for each in resolver.url_patterns:
        here = arguments | set(each.pattern.converters)
        if isinstance(each, URLPattern):
            found[f"{namespace}{each.name}"] = here
        else:
            found |= walk(each, f"{namespace}{each.namespace}:" if each.namespace else namespace, here)
    return found


ADDRESSES = walk(get_resolver())


@pytest.fixture
def world():
    team = make_project(name="Garden advice", experts=3, leads=2)
    other = make_project(name="Another garden")
    for role in Membership.Role.values:
        add_member(project=other.project, user=other.admin, role=role, by=None, now=NOW)
    base = make_trainable_stage(team)
    run = make_run(base)
    model = ModelVersion.objects.create(
        project=team.project, name="model-nobody-may-know", location="somewhere", created_at=NOW
    )
    front = open_stage(project=team.project, model_version=model, by=team.admin, now=NOW)
    generation = launch_generation(stage=front, sampling=make_sampling(), seed=1, by=team.admin, now=NOW)
    make_responses(front)
    front = open_rating(stage=front, by=team.admin, now=NOW)
    open_runs(now=NOW)
    compared = open_stage(
        project=team.project,
        model_version=None,
        kind=Stage.Kind.COMPARISON,
        mode=Stage.Mode.BOTH,
        by=team.admin,
        now=NOW,
    )

    late = make_user("late-expert")
    add_member(project=team.project, user=late, role=Membership.Role.EXPERT, by=None, now=NOW)
    expert, colleague, third = team.experts
    raters = [colleague, third, late]
    taken, waiting, revised, half, decided = front.responses.order_by("position")[:5]
    for response in (taken, waiting, decided):
        make_divergent(response, raters, comment="said-in-confidence")
    for rater in raters:
        rate(revised, rater, score=2, revised_response="written-in-confidence")
    mine = rate(half, expert, comment="said-by-the-expert")
    rate(half, colleague, score=5, comment="said-by-the-colleague", revised_response="by-the-colleague")
    slot = next_assignment(stage=front, expert=expert, now=NOW)
    preference, pair = make_pairs_of(compared, expert, front.responses.order_by("pk")[:4])
    case, decided = (claim_case(response=each, by=team.lead, now=NOW) for each in (taken, decided))
    decide(decided)
    revised_policy = revise(
        project=team.project, rubric=DEFAULT_RUBRIC, policy=PolicySpec(gamma=0.4), by=team.admin, now=NOW
    )
    alias = point_alias(model_version=model, name="champion", reason="The best.", by=team.admin, now=NOW)
    written = write_guidelines(project=team.project, text="Be kind.", by=team.admin, now=NOW)

    people = {
        "anonymous": None,
        "outsider": make_user("outsider"),
        "neighbour": other.admin,
        "colleague": colleague,
        "expert": expert,
        "peer": team.leads[1],
        "lead": team.lead,
        "admin": team.admin,
    }
    spot = team.project.prompts.filter(split="held-out").values_list("pk", flat=True)[0]
    keys = {
        "password-link": {"uid": "MQ", "token": "made-up"},
        "account-detail": {"pk": late.pk},
        "account-link": {"pk": late.pk},
        "account-act": {"pk": late.pk, "act": "off"},
        "setup-member-remove": {"pk": team.project.memberships.get(user=late).pk},
        "annotation:guidelines-version": {"version": written.version},
        "training:promotion-request": {"pk": 999_999},
        "training:drop-alias": {"pk": alias.pk},
        "training:model": {"pk": model.pk},
        "evaluation:benchmarks": {"pk": model.pk},
        "evaluation:model-card": {"pk": model.pk},
        "training:learned-from-person": {"pk": expert.pk},
        "training:withdraw-person": {"pk": expert.pk},
        "training:learned-from-guidelines": {"version": written.version},
        "training:learned-from-rubric": {"version": revised_policy.rubric.version},
        "training:learned-from-response": {"pk": waiting.pk},
        "training:withdraw-response": {"pk": waiting.pk},
        "arbitration:look": {"response": waiting.pk},
        "arbitration:reopen": {"case": decided.pk},
        "arbitration:claim": {"response": waiting.pk},
        "arbitration:accept-revision": {"rating": Rating.objects.filter(response=revised).first().pk},
        "arbitration:reject-revision": {"rating": Rating.objects.filter(response=revised).first().pk},
        "training:launch": {"stage_key": base.key},
        "training:rehearsal": {"stage_key": base.key},
        "evaluation:side-by-side": {"stage_key": compared.key},
        "annotation:take-back-preference": {"pk": preference.pk},
        "training:launch-group": {"stage_key": base.key},
        "training:group-plan": {"stage_key": base.key},
        "evaluation:comparison-panel": {"stage_key": compared.key},
        "training:generate-wanted": {"stage_key": compared.key},
        "training:cancel-wanted": {"stage_key": compared.key},
        "training:open-without": {"stage_key": compared.key},
        "evaluation:figure-file": {"key": "score-safety"},
        "evaluation:spot-check": {"pk": spot},
        "evaluation:spot-note": {"pk": spot},
    }
    acts = ("submit-preference", "draft-preference", "decline-pair")
    keys |= {f"annotation:{name}": {"pk": pair.pk} for name in acts}
    keys |= {f"annotation:{name}": {"pk": slot.pk} for name in ("submit", "draft", "decline", "call-in")}
    uploaded = {"pk": make_upload(team.project, by=team.admin).pk}
    keys |= dict.fromkeys(
        (name for name in ADDRESSES if re.fullmatch("annotation:import(-[cwd].*|-resume)?", name)), uploaded
    )
    acts = ("response", "set-aside", "bring-back", "fewer-ratings")
    keys |= {f"annotation:{name}": {"pk": half.pk} for name in acts}
    acts = ("prompt", "edit-prompt", "set-aside-prompt", "bring-back-prompt")
    keys |= {f"annotation:{name}": {"pk": half.prompt_id} for name in acts}
    acts = ("case", "resolve", "exclude", "release", "call-in", "return", "one-more")
    keys |= {f"arbitration:{name}": {"case": case.pk} for name in acts}
    keys |= {f"annotation:{name}": {"pk": mine.pk} for name in ("my-rating", "take-back", "correct")}
    keys |= {f"training:{name}": {"pk": run.pk} for name in ("run", "run-log", "cancel", "resume")}
    group = {"pk": make_group(base).pk}
    keys |= {f"training:{name}": group for name in ("group", "cancel-group", "resume-group")}
    keys |= {
        f"training:{name}": {"pk": run.training_set_id} for name in ("training-set", "training-set-file")
    }
    world = World(team.project, other.project, people, keys)
    everyone = [third, late, *team.leads, *team.admins]
    world.unseen = unseen = [
        "said-in-confidence", "written-in-confidence", "model-nobody-may-know", "model-0", run.base.name + "<",
        "Stage 1", "Base<", "/stages/", "/runs/", "/groups/", "/models/", "/arbitrate/", "/report",
        generation.get_status_display() + "<", *(person.username for person in everyone),
    ]  # fmt: skip
    world.secrets = {
        "expert": [*unseen, "said-by-the-colleague", "by-the-colleague", colleague.username],
        "colleague": [
            *(each for each in unseen if each not in ("said-in-confidence", "written-in-confidence")),
            "said-by-the-expert",
            expert.username,
        ],
    }
    for who, person in people.items():
        world.clients[who] = Client(raise_request_exception=False)
        if person is not None:
            world.clients[who].force_login(person)
    return world


def both(world, who, url):
    """What GET and POST answer, as the table writes it, and all that was said."""
    answers = [world.ask(who, method, url) for method in ("GET", "POST")]
    return "/".join(str(status) for status, _ in answers), "".join(text for _, text in answers)


def hidden(cell):
    """What a cell becomes where the thing asked for does not exist: rights are asked first, then it is 404."""
    return "/".join(code if code in ("403", "405") else "404" for code in cell.split("/"))


class TestEveryAddress:
    def test_has_a_row(self):
        assert set(EXPECTED) == set(ADDRESSES)

    def test_answers_each_role_as_its_rights_say(self, world):
        wrong = []
        for name, row in EXPECTED.items():
            for who, cell in row.items():
                got, _ = both(world, who, world.address(name))
                if got != cell:
                    wrong.append(f"{name} to {who}: {got}, not {cell}")
        assert wrong == []

    def test_tells_experts_nothing_of_others_of_models_and_of_stages(self, world):
        told = []
        for who in EXPERTS:
            for name in EXPECTED:
                url = world.address(name)
                _, text = both(world, who, url)
                # An address one asked for may be in its answer.
                text = text.replace(url, "")
                told += [f"{name} to {who}: {word}" for word in world.secrets[who] if word in text]
        assert told == []
        # Those who may know them read these very words, so that they are the right ones to look for.
        shown = "".join(
            both(world, who, world.address(name))[1] for who in ("lead", "admin") for name in EXPECTED
        )
        assert [word for word in world.unseen if word not in shown] == []


class TestWhatDoesNotExist:
    def test_is_404_to_whoever_may_ask_for_it(self, world):
        wrong = []
        for name, arguments in ADDRESSES.items():
            if not arguments - {"slug"}:
                continue
            other = {each: UNKNOWN.get(each, 999_999) for each in arguments - {"slug"}}
            for who in PERSONAS[1:]:
                got, _ = both(world, who, world.address(name, **other))
                if got != hidden(EXPECTED[name][who]):
                    wrong.append(f"{name} to {who}: {got}")
        assert wrong == []

    def test_in_a_project_that_does_not_exist_is_404_to_everyone(self, world):
        wrong = []
        for name, arguments in ADDRESSES.items():
            for who in PERSONAS[1:] if "slug" in arguments else []:
                got, _ = both(world, who, world.address(name, slug="unknown"))
                if not set(got.split("/")) <= {"404", "405"} or "404" not in got:
                    wrong.append(f"{name} to {who}: {got}")
        assert wrong == []

    def test_is_what_lies_in_another_project_too(self, world):
        """The neighbour holds every role at home and asks there for keys of this project."""
        wrong = []
        for name, arguments in ADDRESSES.items():
            if "slug" not in arguments or arguments == {"slug"}:
                continue
            got, _ = both(world, "neighbour", world.address(name, slug=world.elsewhere.slug))
            if not set(got.split("/")) <= {"404", "405"} or "404" not in got:
                wrong.append(f"{name}: {got}")
        assert wrong == []
