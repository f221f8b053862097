"""From the invitation to the first rating: a link, a password of one's own, and a day that begins where one is."""

import pytest
from playwright.sync_api import expect

from annotation.models import Rating
from core.models import User
from tests.factories.annotation import make_rating_stage
from tests.factories.core import make_project

pytestmark = pytest.mark.once
CHOSEN = "four words and a space "


class TestSomebodyInvited:
    def test_chooses_a_password_and_is_at_work(self, people, concord):
        team = make_project(name="Garden advice")
        make_rating_stage(team.project, by=team.admin)
        concord.start("web")

        admin = people.open(team.admin.username, path=f"/projects/{team.project.slug}/setup/people/")
        admin.get_by_text("Someone without an account").click()
        account = admin.get_by_role("form", name="Create an account")
        account.get_by_label("Username").fill("Noor")
        account.get_by_role("button").click()
        link = admin.get_by_label("Link").input_value()

        noor = people.open(path=link, timezone_id="Pacific/Auckland")
        noor.get_by_label("New password", exact=True).fill(CHOSEN)
        noor.get_by_label("New password confirmation").fill(CHOSEN)
        noor.get_by_role("button", name="Set the password and sign in").click()
        expect(noor.get_by_role("button", name="Submit and next")).to_be_visible()
        noor.goto("/account/")
        expect(noor.get_by_text("Times are told to you in Pacific/Auckland")).to_be_visible()
        noor.goto(link)
        expect(noor.get_by_role("heading", name="This link does not hold any more")).to_be_visible()

        again = people.open("nOOR", path=f"/projects/{team.project.slug}/rate/", password=CHOSEN)
        for digit in "444":
            again.keyboard.press(digit)
        again.get_by_role("radio", name="Aligned", exact=False).first.check(force=True)
        again.keyboard.press("Control+Enter")
        expect(again.locator(".rate__counts")).to_contain_text("1 rated today")
        assert Rating.objects.get().expert == User.objects.get(username="Noor")
