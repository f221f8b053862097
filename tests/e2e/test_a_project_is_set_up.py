"""An admin sets a project up in a real browser: the rating form beside its rubric, rows put in order, faults that lead
to their fields, guidelines beside what experts read, and what is missing before the first stage."""

import pytest
from playwright.sync_api import expect

from core.guidelines import current
from core.projects import create_project
from tests.factories.core import NOW

pytestmark = pytest.mark.once


def test_an_admin_sets_a_project_up(people, concord, personas):
    project = create_project(name="Garden advice", by=personas.admin, now=NOW)
    concord.start("web")
    page = people.open("admin-1", path=f"/projects/{project.slug}/setup/")
    preview, needs = page.locator("#preview"), page.get_by_role("list").filter(has_text="Prompts")
    names = preview.locator("legend .likert__name")

    # Beside the rubric stands the form that experts will see, as it is written.
    expect(names).to_have_text(["Safety", "Helpfulness", "Relevance", "Verdict", "Harm category"])
    page.locator("#id_axes-0-name").fill("الأمان")
    expect(names.first).to_have_text("الأمان")
    expect(preview.get_by_text("Likely to cause some harm")).to_be_visible()

    # By keys: the buttons stay under the finger until the end.
    first = page.get_by_role("group", name="Axis 1: Safety")
    first.get_by_role("button", name="Move down").first.press("Enter")
    second = page.get_by_role("group", name="Axis 2: Safety")
    expect(second.get_by_role("button", name="Move down").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(names).to_have_text(["Helpfulness", "Relevance", "الأمان", "Verdict", "Harm category"])
    # By mouse, here a value.
    values = page.get_by_role("group", name="Label set 1").locator("tbody tr")
    values.nth(1).locator("[data-order-grip]").drag_to(values.nth(0), target_position={"x": 20, "y": 4})
    expect(preview.locator(".chip").first).to_contain_text("Misaligned")

    # A row more keeps the order; a fault is summed up, and leads to its field.
    page.get_by_role("button", name="Add an axis").click()
    expect(page.get_by_role("group", name="Axis 3: الأمان")).to_be_visible()
    page.locator("#id_axes-1-name").fill("")
    page.get_by_role("button", name="Save rubric and policy").click()
    faults = page.locator("#faults")
    expect(faults).to_be_focused()
    faults.get_by_role("link", name="Axis 1, Name: Give it a name").click()
    expect(page.locator("#id_axes-1-name")).to_be_focused()
    page.keyboard.type("Use")
    page.get_by_role("button", name="Save rubric and policy").click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    axes = project.policy.rubric.axes.order_by("position")
    assert list(axes.values_list("name", flat=True)) == ["Use", "Relevance", "الأمان"]

    # The checklist ticks.
    expect(needs.get_by_role("listitem").filter(has_text="Missing")).to_have_count(5)
    needs.get_by_role("link", name="Guidelines").click()
    page.get_by_label("Text").fill("# Be kind\n\nAnd *short*.")
    expect(page.locator("#preview em")).to_have_text("short")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    expect(needs.get_by_role("listitem").filter(has_text="Missing")).to_have_count(4)
    project.refresh_from_db()
    assert "Be kind" in current(project).text
