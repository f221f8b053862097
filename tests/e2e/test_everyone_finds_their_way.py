"""The shell in a real browser: workable without a mouse."""

import re

from playwright.sync_api import expect


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
