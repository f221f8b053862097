"""A case before its lead in a real browser: by keyboard alone, with a half-filled form that survives a closed tab."""

import pytest
from playwright.sync_api import expect

from arbitration.models import Decision
from tests.factories.arbitration import make_divergent_stage
from tests.factories.core import make_project
from tests.live import wait_until


@pytest.fixture
def team(concord):
    team = make_project(name="Garden advice")
    make_divergent_stage(team)
    concord.start("web")
    return team


@pytest.fixture
def page(team, people):
    page = people.open(team.lead.username, path=f"/projects/{team.project.slug}/arbitrate/")
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Consensus")).to_be_visible()
    return page


class TestALeadWithoutAMouse:
    def test_settles_a_case_and_gets_the_next(self, page):
        first = page.url
        for key in "345a":
            page.keyboard.press(key)
        page.keyboard.press("c")
        page.keyboard.type("Nothing 1 dangerous in it.")
        page.keyboard.press("Control+Enter")
        page.wait_for_url(lambda url: url != first)

        expect(page.get_by_role("heading", name="Consensus")).to_be_visible()
        decision = Decision.objects.get()
        assert [score.value for score in decision.scores.order_by("axis__position")] == [3, 4, 5]
        assert [label.value.key for label in decision.labels.all()] == ["aligned"]
        assert decision.rationale == "Nothing 1 dangerous in it."

    def test_finds_a_half_filled_form_again_until_it_is_taken(self, page):
        for key in "24":
            page.keyboard.press(key)
        page.keyboard.press("c")
        page.keyboard.type("Half a though")
        again = page.context.new_page()
        again.goto(page.url)
        page.close()
        rationale = again.get_by_label("Rationale")
        expect(rationale).to_have_value("Half a though")
        expect(again.locator('[name="score-safety"][value="2"]')).to_be_checked()
        expect(again.locator('[name="score-helpfulness"][value="4"]')).to_be_checked()

        again.locator('[name="score-relevance"][value="4"]').check()
        again.get_by_role("radio", name="Aligned", exact=True).check()
        rationale.fill("Half a thought, made whole.")
        again.get_by_role("button", name="Resolve", exact=True).click()
        wait_until(Decision.objects.exists, what="the decision")
        expect(again.get_by_role("button", name="Take the next case")).to_be_visible()
        kept = again.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('concord-case'))")
        assert kept == []
