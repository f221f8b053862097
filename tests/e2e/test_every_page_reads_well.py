"""axe finds nothing on any page, nothing sticks out to the side, and no text is too small to read: on a desk in the
light, on a phone in the dark, where whatever is touched is as large as a fingertip; and where the system draws in its
own colours, what is chosen or current still differs from what is not."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from annotation.assignment import call_in, next_assignment
from annotation.models import Rating, Response, Unanswered
from annotation.responses import NewResponse, add_responses
from annotation.setting_aside import set_aside_prompt
from annotation.shortfall import count_fewer_of
from arbitration.cases import claim_case
from arbitration.models import Case
from arbitration.reopening import reopen_decision, return_case
from core.addresses import address_of
from core.models import ModelVersion, Stage, User
from evaluation.models import BenchmarkResult, BenchmarkRun
from jobs.models import Job
from tests.factories.annotation import make_conversation, make_prompts, make_rating_stage, rate
from tests.factories.arbitration import decide, make_divergent
from tests.factories.comparing import finish
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import make_paper_stages
from tests.factories.exchange import make_upload
from tests.factories.jobs import end_badly
from tests.factories.training import make_base_stage, make_group, make_run, make_trainable_stage
from training.aliases import point_alias
from training.models import TrainingRun


def address(team, name, pk):
    return reverse(name, args=[team.project.slug, pk])


LOOKS = {
    "desk": ({"width": 1440, "height": 900}, "light"),
    "phone": ({"width": 390, "height": 844}, "dark"),
}
# Over once a frame after the current one has begun, and with it what listens to a change of size has run.
DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"

# What is shown smaller than 12 px, each with its size.
SMALL_TEXT = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = new Set();
  while (texts.nextNode()) {
    const box = texts.currentNode.parentElement, drawn = box.getScreenCTM?.();
    const size = parseFloat(getComputedStyle(box).fontSize) * (drawn ? Math.hypot(drawn.a, drawn.b) : 1);
    const isShown = texts.currentNode.data.trim() && box.checkVisibility() && !box.matches("title, desc");
    if (size < 11.99 && isShown) found.add(`${box.outerHTML.slice(0, 80)}: ${size}px`);
  }
  return [...found];
}"""

# What a finger is to meet and is narrower or lower than 44 px. Links within sentences and tables are as their line is.
SMALL_TARGETS = """() => {
  const touched = "button, .button, summary, select, textarea, input, .tabs a, .workplaces a, .menu__panel a";
  const isTarget = (each) =>
    each.checkVisibility({ visibilityProperty: true }) && !each.matches('.term, [tabindex="-1"], .visually-hidden *');
  const isChoice = (each) => each.matches('[type="radio"], [type="checkbox"]');
  return [...document.querySelectorAll(touched)]
    .filter(isTarget)
    .map((each) => (isChoice(each) && (each.closest("label") || each.labels[0])) || each)
    .map((each) => [each.className || each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
    .filter(([, box]) => box.width && (box.width < 43.9 || box.height < 43.9))
    .map(([name, box]) => `${name}: ${Math.round(box.width)} × ${Math.round(box.height)}`);
}"""

# In the system's own colours: what is chosen or current and looks like what is not, and a progress without a frame.
ALIKE = """() => {
  const told = ["backgroundColor", "color", "borderTopColor", "borderBottomColor", "borderBottomWidth"];
  const drawn = (box) => {
    const look = getComputedStyle(box);
    return [...told, "outlineStyle", "textDecorationLine"].map((name) => look[name]).join();
  };
  const kinds = [
    [".likert__option:has(:checked) .likert__digit", ".likert__option:not(:has(:checked)) .likert__digit"],
    [".likert__option:has(:checked)", ".likert__option:not(:has(:checked))"],
    [".chip:has(:checked)", ".chip:not(:has(:checked))"],
    [".tabs [aria-current]", ".tabs a:not([aria-current])"],
    [".workplaces [aria-current]", ".workplaces a:not([aria-current])"],
    [".queue__filters [aria-current]", ".queue__filters a:not([aria-current])"],
  ];
  const name = (box) => box.className || box.outerHTML.slice(0, 80);
  const first = (selector) => [...document.querySelectorAll(selector)].find((box) => box.checkVisibility());
  const pairs = kinds.map((pair) => pair.map(first)).filter((pair) => pair.every(Boolean));
  const alike = pairs.filter(([one, other]) => drawn(one) === drawn(other)).map(([one]) => name(one));
  const bars = [...document.querySelectorAll("progress")];
  const bare = bars.filter((bar) => parseFloat(getComputedStyle(bar).borderTopWidth) === 0);
  return [...alike, ...bare.map(name)];
}"""

pytestmark = pytest.mark.once


@pytest.fixture
def check(people, concord):
    """Checks the page that is open, or those at the given paths one after the other."""
    concord.start("web")

    def check_pages(page, *paths):
        for path in paths or [None]:
            if path is not None:
                page.goto(path)
            page.wait_for_load_state("networkidle")
            for look, (viewport, scheme) in LOOKS.items():
                page.set_viewport_size(viewport)
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour half-way
                page.evaluate(DRAWN)  # only with the next frame does the page hear of its new size
                heard = list(people.complaints)
                found = Axe().run(page).response["violations"]
                people.complaints[:] = (
                    heard  # axe itself tries an inline style, which the policy rightly refuses
                )
                faults = [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]
                assert (look, page.url, faults) == (look, page.url, [])
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
                assert (look, page.url, page.evaluate(SMALL_TEXT)) == (look, page.url, [])
                assert look == "desk" or (page.url, page.evaluate(SMALL_TARGETS)) == (page.url, [])
            page.emulate_media(forced_colors="active")
            assert (page.url, page.evaluate(ALIKE)) == (page.url, [])
            page.emulate_media(forced_colors="none")

    return check_pages


class TestPagesOfARatingStage:
    @pytest.fixture
    def team(self):
        team = make_project(name="Garden advice", experts=4)
        make_conversation(team.project)
        make_prompts(team.project, count=5)
        responses = list(make_rating_stage(team.project).responses.order_by("position"))
        for response in responses[:2]:
            make_divergent(response, team.experts[:3], revised_response="Boil it for six minutes.")
        for response in responses[2:4]:
            for expert in team.experts[:3]:
                rate(response, expert, score=2, revised_response="Boil it for six minutes.")
        return team

    def test_read_well_to_guest_and_expert(self, people, check, team):
        room = f"/projects/{team.project.slug}/"
        check(people.open(path="/login/"))
        page = people.open(team.experts[3].username, path=f"{room}rate/")
        check(page)
        page.get_by_role("button", name="Submit and next").click()
        expect(page.get_by_text("Not saved yet")).to_be_visible()
        check(page)
        check(page, f"{room}ratings/", f"{room}guidelines/", "/password/", "/account/", "/no/")
        rating = Rating.objects.filter(expert=team.experts[0]).first()
        own = [address(team, f"annotation:{name}", rating.pk) for name in ("my-rating", "correct")]
        check(people.open(team.experts[0].username, path=f"{room}ratings/"), None, *own)

    def test_read_well_to_a_lead(self, people, check, team):
        room = f"/projects/{team.project.slug}/"
        page = people.open(team.lead.username, path=f"{room}arbitrate/")
        check(page)
        page.get_by_role("button", name="Take the next case").click()
        expect(page.get_by_role("heading", name="Consensus")).to_be_visible()
        check(page)
        check(page, f"{room}arbitrate/decisions/", f"{room}arbitrate/revisions/")
        case = Case.objects.get()
        reopen_decision(decision=decide(case), by=team.lead, reason="Mixed up with another.", now=NOW)
        check(page, address(team, "arbitration:case", case.pk))
        check(page, address(team, "arbitration:look", case.response_id))
        again = claim_case(response=case.response, by=team.lead, now=timezone.now())
        check(page, address(team, "arbitration:case", again.pk))
        return_case(case=again, by=team.lead, question="Is it safe?", now=timezone.now())
        check(page, address(team, "arbitration:case", again.pk))

    def test_read_well_to_an_admin(self, people, check, team):
        room = f"/projects/{team.project.slug}/"
        page = people.open(team.admin.username, path=room)
        check(page)
        User.objects.filter(pk=team.admin.pk).update(is_staff=True)
        check(page, "/accounts/", "/accounts/new/", f"/accounts/{team.admin.pk}/", "/welcome/x/y/")
        check(page, f"{room}project/", f"{room}audit/", "/audit/")
        check(page, "/projects/", "/new-project/", f"{room}stages/0/", f"{room}prompts/", f"{room}setup/")
        check(page, f"{room}setup/guidelines/", f"{room}setup/people/", f"{room}setup/model/")
        check(page, f"{room}stages/0/ratings/", f"{room}stages/0/responses/", f"{room}stages/0/agreement/")
        prompt, response = team.project.prompts.first(), Response.objects.order_by("position").last()
        slot = next_assignment(stage=response.stage, expert=team.experts[3], now=timezone.now())
        count_fewer_of(response=response, ratings_needed=2, reason="Nobody else.", by=team.admin, now=NOW)
        one = f"{room}responses/{address_of(response)}/"
        check(
            page, f"{room}stages/0/left/", f"{room}stages/0/left/responses/", f"{room}stages/0/finalize/", one
        )
        page.goto(f"{room}stages/0/left/")
        call_in(assignment=slot, by=team.admin, now=timezone.now())
        page.get_by_role("button", name="Call in").click()
        expect(page.get_by_role("link", name="Back to the page")).to_be_visible()
        check(page)
        set_aside_prompt(prompt=response.prompt, reason="It holds a number.", by=team.admin, now=NOW)
        check(page, one, f"{room}prompts/?aside=on", f"{room}prompts/{response.prompt_id}/")
        check(page, f"{room}prompts/{prompt.pk}/edit/")
        faulty = make_upload(team.project, "question;الوسم\nWhy?;x\n", "fragen.csv", now=NOW)
        check(
            page, *(f"{room}imports/{upload.pk}/" for upload in (make_upload(team.project, now=NOW), faulty))
        )


class TestPagesOfAFinishedStage:
    def test_of_training_read_well(self, people, check):
        stage = make_trainable_stage(revised=2)
        run = make_run(stage, now=NOW)
        room = f"/projects/{stage.project.slug}/"
        admin = stage.project.memberships.get(role="admin").user
        page = people.open(admin.username, path=f"{room}stages/0/")
        check(page)
        check(page, f"{room}stages/0/training/launch/", f"{room}runs/{run.pk}/", f"{room}models/")
        check(page, f"{room}stages/0/promote/", f"{room}training-sets/{run.training_set_id}/")
        group = make_group(stage, now=NOW, seeds=[1, 2], epochs=[1, 2])
        check(page, f"{room}stages/0/training/group/", f"{room}groups/{group.pk}/")
        for each in group.runs.all():
            end_badly(each)
        check(page, f"{room}groups/{group.pk}/")
        model = ModelVersion.objects.create(
            project=stage.project, name="v1", location="artifact:v1", created_at=NOW
        )
        TrainingRun.objects.filter(pk=run.pk).update(status=Job.Status.SUCCEEDED, model_version=model)
        point_alias(model_version=model, name="champion", reason="The best so far.", by=admin, now=NOW)
        rating = stage.responses.filter(prompt__split="train").first().ratings.first()
        lineage = f"{room}lineage/people/{rating.expert_id}/"
        put_through = BenchmarkRun.objects.create(
            model_version=model, name="everyday", tasks_sha256="0" * 64, created_at=NOW
        )
        BenchmarkResult.objects.create(
            run=put_through, task="everyday", metric="acc", filter="none", value=0.5, error=0.1, n=40
        )
        check(page, f"{room}models/{model.pk}/", f"{room}models/{model.pk}/benchmarks/")
        check(page, lineage, f"{lineage}withdraw/")
        check(
            page,
            f"{room}lineage/responses/{address_of(rating.response)}/withdraw/",
            f"{room}lineage/rubrics/1/",
        )
        page.goto(f"{room}stages/0/promote/?model={model.pk}")
        page.get_by_role("button", name="Measure first").click()
        expect(page.get_by_role("heading", name="The gate of")).to_be_visible()
        check(page)

    def test_of_what_failed_read_well(self, people, check):
        """A generation that stopped with prompts it could not answer, and a training run."""
        answering, trained = make_base_stage(), make_trainable_stage()
        prompts = list(answering.project.prompts.all())
        answer = NewResponse(prompts[0], "Yes.", answering.model_version)
        add_responses(stage=answering, answers=[answer], now=NOW)
        why = {"reason_code": "prompt_refused", "reason_params": {"words": "No system message"}}
        Unanswered.objects.create(stage=answering, prompt=prompts[1], created_at=NOW, **why)
        end_badly(answering.generation_runs.get(), tail="RuntimeError: out of memory")
        room = f"/projects/{answering.project.slug}/"
        page = people.open(answering.project.memberships.get(role="admin").user.username, path=room)
        check(page, f"{room}stages/0/", f"{room}stages/0/generation/", f"{room}prompts/{prompts[1].pk}/")
        run = end_badly(make_run(trained), tail="RuntimeError: out of memory")
        room = f"/projects/{trained.project.slug}/"
        page = people.open(trained.project.memberships.get(role="admin").user.username, path=room)
        check(page, f"{room}runs/{run.pk}/", f"{room}stages/0/training/launch/?like={run.pk}")

    def test_of_the_report_read_well(self, people, check):
        team = make_project(name="Garden advice")
        make_paper_stages(team, simulated=True)
        room = f"/projects/{team.project.slug}/"
        page = people.open(team.admin.username, path=f"{room}report/")
        check(page)
        check(page, room, f"{room}stages/{Stage.objects.order_by('number').last().number}/")

    def test_of_comparisons_read_well(self, people, check):
        team = make_project(name="Garden advice")
        versions = [stage.model_version for stage in make_paper_stages(team)[:2]]
        room = f"/projects/{team.project.slug}/"
        page = people.open(team.admin.username, path=f"{room}report/compare/")
        for version in versions:
            page.get_by_label(str(version), exact=True).check()
        page.get_by_label("Prompts").fill("8")
        page.get_by_label("Prompts").press("Tab")
        expect(page.locator("#comparison-preview")).to_contain_text("48")
        check(page)
        page.get_by_role("button", name="Open the comparison").click()
        page.wait_for_url("**/stages/comparison-1/")
        expect(page.get_by_role("heading", name="What is compared")).to_be_visible()
        check(page)
        stage = Stage.objects.get(kind=Stage.Kind.COMPARISON)
        finish(stage, team, score=3)
        check(
            page,
            f"{room}stages/comparison-1/",
            f"{room}stages/comparison-1/comparison/",
            f"{room}report/compare/plan/",
        )
