"""What somebody types is there for them, and for nobody else, until the server has it; and one act has one effect."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from annotation.assignment import release_lapsed
from annotation.models import Assignment, Draft, Rating
from arbitration.models import Case, Decision
from core.models import Session
from tests.browsing import PASSWORD
from tests.factories.annotation import make_rating_stage
from tests.factories.arbitration import make_divergent_stage
from tests.factories.core import make_project
from tests.live import wait_until

NOTHING_KEPT = "a browser that keeps nothing that the server has"
KEPT = "Object.keys(localStorage).filter((key) => key.startsWith('concord-kept'))"


@pytest.fixture
def team(concord):
    return make_project(name="Garden advice", experts=4)


def give_passwords(*users):
    for user in users:
        user.set_password(PASSWORD)
        user.save()


def sign_in(page, user):
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login/" not in url)


def draft_says(text):
    wait_until(lambda: Draft.objects.filter(fields__comment=text).exists(), what=f"the draft “{text}”")


class TestAnExpert:
    @pytest.fixture
    def page(self, team, concord, people):
        make_rating_stage(team.project, prompts=3)
        give_passwords(*team.experts)
        concord.start("web")
        return people.open(team.experts[0].username, path=f"/projects/{team.project.slug}/rate/")

    def test_loses_nothing_while_session_network_and_tabs_come_and_go(self, team, page):
        comment, state = page.get_by_label("Comment"), page.locator("[data-draft-state]")
        saves = []
        page.on("request", lambda request: "/draft/" in request.url and saves.append(request.post_data))
        # A key held down answers one axis.
        for _ in range(3):
            page.keyboard.down("4")
        page.keyboard.up("4")
        expect(page.locator("[data-likert] input:checked")).to_have_count(1)
        # Saved while the typing goes on, and a reload brings the last letter back.
        comment.press_sequentially("Typed without a pause,", delay=150)
        assert saves, "nothing was saved in more than two seconds of typing"
        comment.press_sequentially(" to the end")
        page.reload()
        expect(comment).to_have_value("Typed without a pause, to the end")
        draft_says("Typed without a pause, to the end")
        # The session ends; they sign in in another tab, which renews the token of all forms.
        Session.objects.all().delete()
        comment.press_sequentially(".")
        expect(page.get_by_text("You are signed out.")).to_be_visible()
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Sign in").click()
        other = opened.value
        sign_in(other, team.experts[0])
        page.bring_to_front()
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        expect(page.get_by_text("You are signed out.")).to_have_count(0)
        draft_says("Typed without a pause, to the end.")
        expect(state).to_have_text("Draft saved")
        # They go on in the other tab; the first asks which of the two stays.
        other.goto(page.url)
        other.get_by_label("Comment").press("Control+End")
        other.keyboard.type(" And on.")
        draft_says("Typed without a pause, to the end. And on.")
        expect(other.locator("[data-draft-state]")).to_have_text("Draft saved")
        comment.press_sequentially(" Here, too.")
        page.get_by_role("button", name="Take what was written there").click()
        expect(comment).to_have_value("Typed without a pause, to the end. And on.")
        other.close()
        # The server is away when they submit, and one submit is one rating, however long the keys are held.
        page.keyboard.press("Escape")
        for key in "455a":
            page.keyboard.press(key)
        page.context.set_offline(True)
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
        page.context.set_offline(False)
        page.get_by_role("button", name="Send it now").click()
        expect(page.locator("#rate-news")).to_contain_text("Saved. Safety 4")
        for key in "455a":
            page.keyboard.press(key)
        page.wait_for_timeout(400)  # kept in this browser by now, and no draft yet
        page.keyboard.down("Control")
        for _ in range(4):
            page.keyboard.down("Enter")
        page.keyboard.up("Control")
        expect(page.locator(".rate__counts")).to_contain_text("2 rated today")
        assert [rating.comment for rating in Rating.objects.order_by("pk")] == [
            "Typed without a pause, to the end. And on.",
            "",
        ]
        wait_until(lambda: page.evaluate(KEPT) == [], what=NOTHING_KEPT)
        expect(state).to_have_text("")

    def test_leaves_nothing_to_the_next_at_the_same_browser(self, team, page, people, now):
        first, second = team.experts[:2]
        page.context.set_offline(True)
        page.get_by_label("Comment").fill("Ana thinks this is dangerous.")
        expect(page.locator("[data-draft-state]")).to_have_text("Offline: draft kept in this browser")
        page.context.set_offline(False)
        page.context.clear_cookies()
        later = now + timedelta(hours=5)
        release_lapsed(now=later)
        Assignment.objects.filter(status="open").exclude(response__drafts__expert=first).delete()
        page.context.add_cookies([people.session_cookie(second.username)])
        # Still on the first one's page: it is neither sent nor saved as the second's.
        page.get_by_label("Comment").press_sequentially(" Very.")
        expect(page.get_by_text(f"{second} is signed in in this browser now.")).to_be_visible()
        page.goto(page.url)
        expect(page.get_by_label("Comment")).to_have_value("")
        assert not Draft.objects.filter(expert=second).exists()
        page.context.add_cookies([people.session_cookie(first.username)])
        page.goto(page.url)
        expect(page.get_by_label("Comment")).to_have_value("Ana thinks this is dangerous. Very.")


class TestALead:
    def test_finds_the_rationale_again_after_release_sign_in_and_back(self, team, concord, people):
        make_divergent_stage(team, divergent=1, agreed=0)
        give_passwords(team.lead)
        concord.start("web")
        page = people.open(team.lead.username, path=f"/projects/{team.project.slug}/arbitrate/")
        page.keyboard.press("n")
        page.get_by_label("Rationale").fill("Nothing dangerous in it.")
        page.get_by_role("button", name="Release").click()
        page.wait_for_url("**/arbitrate/")
        page.get_by_role("button", name="Take the next case").click()
        # Stopped on its way, a submit leaves nothing of its button in the form.
        page.route("**/release/", lambda route: route.fulfill(status=204))
        with page.expect_request("**/release/"):
            page.get_by_role("button", name="Skip").click()
        expect(page.locator("#consensus")).to_have_attribute("action", re.compile("/resolve/$"))
        expect(page.locator('#consensus [type="hidden"][name="then"]')).to_have_count(0)
        page.reload()
        expect(page.get_by_label("Rationale")).to_have_value("Nothing dangerous in it.")
        expect(page.get_by_text("What you had written and not sent is back")).to_be_visible()

        page.keyboard.press("Escape")
        page.get_by_role("heading", name="Consensus").click()
        for key in "345a":
            page.keyboard.press(key)
        Session.objects.all().delete()
        page.get_by_role("button", name="Resolve", exact=True).click()
        page.wait_for_url("**/login/**")
        sign_in(page, team.lead)
        expect(page.get_by_label("Rationale")).to_have_value("Nothing dangerous in it.")
        page.get_by_role("button", name="Resolve", exact=True).click()
        expect(page.get_by_text("The consensus is set: Safety 3")).to_be_visible()
        assert Decision.objects.get().rationale == "Nothing dangerous in it."
        wait_until(lambda: page.evaluate(KEPT) == [], what=NOTHING_KEPT)
        # Back asks the server: the form that was used is not shown again.
        page.go_back()
        expect(page.get_by_role("heading", name="Consensus set")).to_be_visible()
        assert Case.objects.filter(status="resolved").count() == 1


class TestAnAdmin:
    def test_keeps_the_rubric_while_other_forms_are_saved(self, team, concord, people):
        concord.start("web")
        page = people.open(team.admin.username, path=f"/projects/{team.project.slug}/setup/")
        page.get_by_label("Name").first.fill("Safety first")
        page.get_by_role("button", name="Add an axis").click()
        page.locator('[name="axes-3-name"]').fill("Warmth")
        page.locator('[name="axes-3-question"]').fill("Is it kind?")
        page.get_by_role("link", name="Guidelines").first.click()
        page.get_by_label("Text").fill("Be kind.")
        page.get_by_role("button", name="Save guidelines").click()
        expect(page.get_by_role("link", name="version 2")).to_be_visible()
        page.goto(f"/projects/{team.project.slug}/")
        page.goto(f"/projects/{team.project.slug}/setup/")
        expect(page.get_by_text("What you had written and not sent is back")).to_be_visible()
        expect(page.locator('[name="axes-3-name"]')).to_have_value("Warmth")
        expect(page.locator('[name="axes-0-name"]')).to_have_value("Safety first")
        page.get_by_role("button", name="Save rubric and policy").click()
        expect(page.get_by_text("Saved as version 2.")).to_be_visible()
        expect(page.get_by_text("What you had written and not sent is back")).to_have_count(0)
        wait_until(lambda: page.evaluate(KEPT) == [], what=NOTHING_KEPT)
        assert [axis.name for axis in team.project.policy.rubric.axes.order_by("position")][-1] == "Warmth"
