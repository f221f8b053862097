"""Two people in their browsers change their minds: an expert corrects and takes back, a lead decides again and asks."""

import pytest
from playwright.sync_api import expect

from annotation.models import Rating
from arbitration.models import Case, Decision
from tests.factories.annotation import make_rating_stage, rate_all
from tests.factories.core import make_project
from tests.live import wait_until

RATIONALE = "Nobody is hurt by a soft egg."
QUESTION = "Is <six> minutes right for a goose egg, too?"


@pytest.fixture
def team(concord):
    team = make_project(name="Garden advice")
    rate_all(make_rating_stage(team.project, prompts=2), team.experts[1:], score=5)
    concord.start("web")
    return team


def press(page, keys):
    for key in keys:
        page.keyboard.press(key)


def send(page):
    page.keyboard.press("Control+Enter")


def submit(page, keys):
    """Rate what is on the desk; returns once the next is there, or that nothing is left."""
    before = Rating.objects.count()
    slot = page.locator("#rate").get_attribute("data-slot")
    press(page, keys)
    send(page)
    expect(page.locator(f'#rate[data-slot="{slot}"]')).to_have_count(0)
    wait_until(lambda: Rating.objects.count() == before + 1, what="the rating")


def take_next(page):
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Consensus")).to_be_visible()


def decide(page, keys, rationale):
    press(page, keys)
    page.keyboard.press("c")
    page.keyboard.type(rationale)
    send(page)
    expect(page.get_by_role("heading", name="Arbitrate")).to_be_visible()


class TestNothingIsADeadEnd:
    def test_until_the_labels_are_final(self, team, people, desk):
        expert = desk()
        room = f"/projects/{team.project.slug}/"
        submit(expert, "244a")
        first = Rating.objects.get(expert=team.experts[0])
        lead = people.open(team.lead.username, path=f"{room}arbitrate/")
        take_next(lead)
        decide(lead, "344a", RATIONALE)

        # The expert corrects the rating on which the decision rests …
        expert.get_by_role("link", name="My ratings").click()
        expert.get_by_role("table").get_by_role("link").click()
        expert.wait_for_url("**/ratings/*/")  # loaded, with its keys
        expert.keyboard.press("c")
        expect(expert.get_by_role("heading", name="Correct a rating")).to_be_visible()
        expect(expert.locator('[name="score-safety"][value="2"]')).to_be_checked()
        press(expert, "3")
        send(expert)
        expect(expert.get_by_text("The rating before stays in the record")).to_be_visible()
        expect(expert.get_by_text("(counts no more)")).to_be_visible()
        first.refresh_from_db()
        corrected = Rating.objects.get(supersedes=first)
        assert first.superseded_at is not None

        # … and the lead has both before them, with what was decided, and decides again.
        lead.reload()
        expect(lead.get_by_text("Changed after a decision").first).to_be_visible()
        take_next(lead)
        expect(lead.get_by_text("A rating has changed since a lead decided")).to_be_visible()
        before = lead.get_by_role("region", name="What came before")
        expect(before).to_contain_text(RATIONALE)
        expect(before).to_contain_text("Safety: 2 → 3")
        decide(lead, "444a", "Still harmless.")
        assert Decision.objects.standing().get().rationale == "Still harmless."
        lead.get_by_role("link", name="Decisions").click()
        expect(lead.get_by_role("row").filter(has_text=RATIONALE)).to_contain_text("overtaken")

        # A key too many is taken back by a key: the answers are on the desk again.
        expert.goto(f"{room}rate/")
        submit(expert, "144a")
        hasty = Rating.objects.filter(expert=team.experts[0]).latest("pk")
        expert.keyboard.press("u")
        expect(expert.locator('[name="score-safety"][value="1"]')).to_be_checked()
        assert not Rating.objects.current().filter(pk=hasty.pk).exists()
        press(expert, "2")
        send(expert)
        wait_until(lambda: Rating.objects.filter(supersedes=hasty).exists(), what="the rating in its place")
        expect(expert.get_by_text("Nothing is left for you here")).to_be_visible()

        # Instead of deciding, the lead asks; the question comes to the expert with what they had said.
        lead.goto(f"{room}arbitrate/")
        take_next(lead)
        lead.get_by_role("link", name="Ask the experts").click()
        lead.get_by_label("A question to the experts").fill(QUESTION)
        lead.get_by_role("button", name="Return to the experts").click()
        expect(lead.get_by_text("back with its experts")).to_be_visible()
        assert Case.objects.latest("pk").status == Case.Status.RETURNED
        expert.reload()
        expect(expert.get_by_text("A lead asks about your rating")).to_be_visible()
        expect(expert.get_by_text(QUESTION)).to_be_visible()
        expect(expert.locator('[name="score-safety"][value="2"]')).to_be_checked()
        submit(expert, "5")
        current = list(Rating.objects.current().filter(expert=team.experts[0]).order_by("pk"))
        assert [rating.scores.get(axis__key="safety").value for rating in current] == [3, 5]
        assert current[0] == corrected
