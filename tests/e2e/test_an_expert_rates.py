"""The Rate workplace in a real browser: by keyboard alone, with drafts that survive, also without a network."""

import pytest
from playwright.sync_api import expect

from annotation.models import Draft, Involvement, Rating
from tests.factories.annotation import make_rating_stage
from tests.factories.core import make_project
from tests.live import wait_until


@pytest.fixture
def team(concord):
    team = make_project(name="Garden advice", experts=4)
    make_rating_stage(team.project, prompts=4)
    concord.start("web")
    return team


class TestAnExpertWithoutAMouse:
    def test_rates_and_gets_the_next_in_one_round_trip(self, desk):
        page = desk()
        first = page.locator(".pane--prompt .prose").inner_text()
        asked = []
        page.on("request", lambda request: asked.append((request.method, request.url)))

        for key in "452a":
            page.keyboard.press(key)
        page.keyboard.press("c")
        page.keyboard.type("Good 1 and all.")
        page.keyboard.press("Escape")
        page.keyboard.press("s")
        page.keyboard.press("r")
        page.keyboard.type("Say please.")
        page.keyboard.press("Control+Enter")

        expect(page.locator("#rate-news")).to_contain_text("Verdict Aligned. 1 rated today")
        assert page.locator(".pane--prompt .prose").inner_text() != first
        assert page.evaluate("document.activeElement.id") == "prompt-title"
        assert [method for method, url in asked if "/draft/" not in url] == ["POST"]
        rating = Rating.objects.get()
        assert {score.axis.key: score.value for score in rating.scores.all()} == {
            "safety": 4,
            "helpfulness": 5,
            "relevance": 2,
        }
        assert (rating.comment, rating.revised_response, rating.asks_senior) == (
            "Good 1 and all.",
            "Say please.",
            True,
        )
        assert rating.seconds is not None
        assert not Draft.objects.exists()

    def test_is_led_to_what_is_missing_and_keeps_what_is_there(self, desk):
        page = desk()
        page.keyboard.press("3")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("Choose a score for Helpfulness.")).to_be_visible()
        expect(page.get_by_text("Choose an answer for Verdict.")).to_be_visible()
        expect(page.locator('[name="score-helpfulness"]:focus')).to_have_count(1)
        expect(page.locator('[name="score-safety"][value="3"]')).to_be_checked()
        for key in "55m":
            page.keyboard.press(key)
        page.keyboard.press("Control+Enter")
        expect(page.locator("#rate-news")).to_contain_text("Saved.")
        assert Rating.objects.count() == 1

    def test_reads_the_guidelines_and_the_keys_and_comes_back(self, desk):
        page = desk()
        guidelines = page.get_by_role("complementary", name="Guidelines")
        page.keyboard.press("g")
        expect(guidelines).to_be_visible()
        page.keyboard.press("3")
        expect(page.locator('[name="score-safety"][value="3"]')).to_be_checked()
        page.keyboard.press("g")
        expect(guidelines).to_be_hidden()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("Verdict: Misaligned")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    def test_says_why_they_cannot_judge(self, desk):
        page = desk()
        first = page.locator(".pane--prompt .prose").inner_text()
        page.keyboard.press("j")
        dialog = page.get_by_role("dialog", name="I cannot judge this")
        dialog.get_by_role("button", name="Pass it on").press("Enter")
        expect(dialog.get_by_text("Say in a few words")).to_be_visible()
        dialog.get_by_label("Why can you not judge it?").press_sequentially("1 garden too far")
        dialog.get_by_role("button", name="Pass it on").press("Enter")
        expect(page.locator("#rate-news")).to_contain_text("Passed on")
        assert page.locator(".pane--prompt .prose").inner_text() != first
        assert Involvement.objects.get().reason == "1 garden too far"


class TestADraft:
    def test_survives_a_closed_tab(self, desk):
        page = desk()
        page.keyboard.press("2")
        page.get_by_label("Comment").fill("Half a thought")
        expect(page.locator("[data-draft-state]")).to_have_text("Draft saved")
        page.close()
        again = desk()
        expect(again.get_by_label("Comment")).to_have_value("Half a thought")
        expect(again.locator('[name="score-safety"][value="2"]')).to_be_checked()

    def test_is_kept_when_the_tab_closes_before_it_was_saved(self, desk):
        page = desk()
        page.get_by_label("Comment").fill("Last words")
        page.goto("about:blank")
        wait_until(lambda: Draft.objects.filter(fields__comment="Last words").exists(), what="the draft")

    def test_waits_in_the_browser_while_the_network_is_down(self, desk, team):
        page = desk()
        page.context.set_offline(True)
        page.get_by_label("Comment").fill("Written on a train")
        expect(page.locator("[data-draft-state]")).to_have_text("Offline: draft kept in this browser")
        page.close()
        page.context.set_offline(False)
        again = page.context.new_page()
        again.goto(f"/projects/{team.project.slug}/rate/")
        expect(again.get_by_label("Comment")).to_have_value("Written on a train")
        wait_until(
            lambda: Draft.objects.filter(fields__comment="Written on a train").exists(), what="the draft"
        )

    def test_may_start_from_the_response(self, desk):
        page = desk()
        page.keyboard.press("r")
        page.get_by_role("button", name="Start from the response").click()
        text = page.get_by_label("Revised response").input_value()
        assert text == page.locator("#response-text").inner_text().strip()


class TestWithoutScript:
    def test_the_whole_flow_works_as_plain_forms(self, desk):
        page = desk(java_script_enabled=False)
        page.get_by_role("button", name="Submit and next").click()
        expect(page.get_by_text("Choose a score for Safety.")).to_be_visible()
        for axis in ("safety", "helpfulness", "relevance"):
            page.locator(f'[name="score-{axis}"][value="4"]').check()
        page.locator('[name="label-verdict"][value="aligned"]').check()
        page.get_by_label("Comment").fill("Plainly")
        page.get_by_role("button", name="Keep as draft").click()
        expect(page.get_by_label("Comment")).to_have_value("Plainly")
        page.get_by_role("button", name="Submit and next").click()
        expect(page.get_by_text("1 rated today")).to_be_visible()
        assert Rating.objects.get().comment == "Plainly"
        page.get_by_role("link", name="I cannot judge this").click()
        page.get_by_label("Why can you not judge it?").fill("No.")
        page.get_by_role("button", name="Pass it on").click()
        expect(page.get_by_text("about 2 left")).to_be_visible()
        page.get_by_role("link", name="Guidelines").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Guidelines")
