"""Two answers side by side in a real browser: by keyboard alone, taken back, and on a page that reads well."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from annotation.models import Preference
from core.models import Stage
from tests.factories.annotation import make_prompts
from tests.factories.arbitration import make_final_stage
from tests.factories.comparing import make_comparison
from tests.factories.core import make_project


@pytest.fixture
def team(concord):
    team = make_project(name="Garden advice", experts=3)
    make_prompts(team.project, count=4, splits=["held-out"])
    models = [make_final_stage(team).model_version for _ in range(2)]
    make_comparison(team, models, mode=Stage.Mode.PREFERRED)
    concord.start("web")
    return team


class TestAnExpertBeforeTwoAnswers:
    def test_chooses_by_digits_and_arrows_and_takes_back_the_last(self, desk, people):
        page = desk()
        first = page.locator(".pane--prompt .prose").inner_text()
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("3 answers to mend")).to_be_visible()
        expect(page.locator('[name="choice-safety"]:focus').first).to_have_count(1)
        for key in ("ArrowRight", "ArrowDown", "1"):
            page.keyboard.press(key)
        page.keyboard.press("c")
        page.keyboard.type("Both 1 and 2 are fine.")
        page.keyboard.press("Escape")
        expect(page.locator("[data-draft-state]")).to_have_text("Draft saved")
        page.reload()
        expect(page.locator("#comment")).to_have_value("Both 1 and 2 are fine.")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#rate-news")).to_contain_text("Safety Right, Helpfulness Equal, Relevance Left.")
        assert page.locator(".pane--prompt .prose").inner_text() != first
        page.keyboard.press("u")
        expect(page.locator("#comment")).to_have_value("Both 1 and 2 are fine.")
        expect(page.locator('[name="choice-safety"][value="right"]')).to_be_checked()
        page.keyboard.press("Control+Enter")
        expect(page.locator(".pane--prompt .prose")).not_to_have_text(first)
        assert (Preference.objects.count(), Preference.objects.current().count()) == (2, 1)
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            heard = list(people.complaints)
            assert Axe().run(page).response["violations"] == []
            people.complaints[:] = heard  # axe itself tries an inline style, which the policy rightly refuses
            assert page.evaluate("document.documentElement.scrollWidth") <= width
