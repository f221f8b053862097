"""The shell in a real browser: readable for everyone, workable without a mouse, on a desk and on a phone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from core.models import ModelVersion, Stage

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def stage(personas, now):
    model = ModelVersion.objects.create(project=personas.project, name="base", created_at=now)
    return Stage.objects.create(
        project=personas.project,
        number=0,
        status=Stage.Status.RATING,
        policy=personas.project.policy,
        model_version=model,
        created_at=now,
    )


def check(people, page):
    """axe finds nothing, and nothing sticks out to the side."""
    page.wait_for_load_state("networkidle")
    heard = list(people.complaints)
    found = Axe().run(page).response["violations"]
    people.complaints[:] = heard  # axe itself tries an inline style, which the policy rightly refuses

    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
class TestEveryPageOfTheShell:
    def test_reads_well_to_everyone(self, people, concord, personas, stage, scheme, viewport):
        concord.start("web")
        look = {"viewport": viewport, "color_scheme": scheme}
        room = f"/projects/{personas.project.slug}/"

        guest = people.open(path="/login/", **look)
        check(people, guest)
        admin = people.open("admin-1", **look)
        for path in (
            "/projects/",
            "/new-project/",
            "/password/",
            room,
            f"{room}stages/0/",
            f"{room}setup/",
            "/no/",
        ):
            admin.goto(path)
            check(people, admin)


class TestAnAdminWithoutAMouse:
    def test_creates_and_sets_up_a_project(self, people, concord, personas):
        concord.start("web")
        page = people.open("admin-1", path="/projects/")

        page.keyboard.press("n")
        page.get_by_label("Name", exact=True).focus()
        page.keyboard.type("Garden advice")
        page.keyboard.press("Control+Enter")

        expect(page.get_by_role("heading", level=1)).to_have_text("Setup")
        page.get_by_role("button", name="Add an axis").press("Enter")
        added = page.get_by_role("group", name=re.compile("^Axis 4"))
        added.get_by_label("Name").fill("Tone")
        added.get_by_label("Question").fill("Is it kind?")
        page.get_by_role("button", name="Save rubric and policy").last.press("Enter")
        expect(page.get_by_text("Saved as version 2.")).to_be_visible()
        expect(page.get_by_role("group", name="Axis 4: Tone")).to_be_visible()


class TestTheShell:
    def test_begins_with_a_way_past_the_navigation(self, people, concord, personas):
        concord.start("web")
        page = people.open("admin-1", path="/projects/")

        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")

        assert page.evaluate("document.activeElement.id") == "main"

    def test_keeps_the_appearance_one_chose(self, people, concord, personas):
        concord.start("web")
        page = people.open("admin-1", path="/projects/", color_scheme="light")

        page.get_by_text("admin-1").first.click()
        page.get_by_role("button", name="Dark").click()
        page.reload()

        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"

    def test_lists_its_keys_and_lets_one_switch_them_off(self, people, concord, personas):
        concord.start("web")
        page = people.open("admin-1", path="/projects/")

        page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="Keyboard")
        expect(dialog.get_by_text("New project")).to_be_visible()
        dialog.get_by_label("Single-key shortcuts are on").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("n")

        assert page.url.endswith("/projects/")
