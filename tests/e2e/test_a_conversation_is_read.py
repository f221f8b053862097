"""A conversation in a real browser: its history folds with one key, with a click, and without any script."""

import pytest
from playwright.sync_api import expect

from tests.factories.annotation import make_conversation, make_rating_stage
from tests.factories.core import make_project

TALK = [("system", "Be brief."), *[("user", "How?"), ("assistant", "Like this.")] * 3, ("user", "And why?")]


@pytest.fixture
def team(concord):
    team = make_project(name="Garden advice")
    make_conversation(team.project, TALK)
    make_rating_stage(team.project)
    concord.start("web")
    return team


class TestAConversation:
    def test_unfolds_with_one_key_and_says_so_in_the_list(self, desk):
        page = desk()
        system = page.locator("p", has_text="Be brief.")
        expect(page.locator("p", has_text="And why?")).to_be_visible()
        expect(system).to_be_hidden()
        page.keyboard.press("h")
        expect(system).to_be_visible()
        expect(page.get_by_role("list", name="Earlier messages").get_by_role("listitem")).to_have_count(7)
        page.keyboard.press("h")
        expect(system).to_be_hidden()
        page.keyboard.press("?")
        expect(page.get_by_text("Show or hide the earlier messages")).to_be_visible()

    def test_unfolds_without_script(self, desk):
        page = desk(java_script_enabled=False)
        expect(page.locator("p", has_text="Be brief.")).to_be_hidden()
        page.get_by_text("7 earlier messages").click()
        expect(page.locator("p", has_text="Be brief.")).to_be_visible()
