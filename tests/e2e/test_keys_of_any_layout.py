"""Keys as the keyboards of other countries send them, in a browser: `key` is what is typed, `code` where it lies."""

import pytest
from playwright.sync_api import expect

from core.rubrics import SAFETY, RubricSpec
from tests.factories.annotation import make_rating_stage
from tests.factories.core import make_project
from tests.factories.ranges import REACH, VERDICT

pytestmark = pytest.mark.once

PRESS = """([key, code, more]) => (document.activeElement || document.body).dispatchEvent(
    new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true, ...more }))"""
CLEAR = "document.activeElement.blur(); document.getElementById('rating-form').reset()"
SCORES = {
    "the number row": ("4", "Digit4", {}),
    "the number pad": ("4", "Numpad4", {}),
    "French": ("'", "Digit4", {}),
    "French, a letter": ("é", "Digit2", {}),
    "French with Shift": ("4", "Digit4", {"shiftKey": True}),
    "Czech": ("č", "Digit4", {}),
    "Arabic": ("٤", "Digit4", {}),
    "Devanagari": ("४", "Digit4", {}),
    "full width": ("４", "Digit4", {}),
}
LETTERS = {
    "Russian": ("ф", "KeyA", {}),
    "Greek": ("α", "KeyA", {}),
    "Dvorak": ("m", "KeyM", {}),
    "French, by what it types": ("a", "KeyQ", {}),
}
NOT_OURS = {
    "an input method": ("4", "Digit4", {"isComposing": True}),
    "an input method, as old ones say it": ("Process", "Digit4", {"keyCode": 229}),
    "a dead key": ("Dead", "Digit4", {}),
    "a sign": ("$", "Digit4", {"shiftKey": True}),
    "a French q, which lies on A": ("q", "KeyA", {}),
}


class TestKeysOfAnyLayout:
    def test_mean_the_same_everywhere(self, concord, people):
        team = make_project(rubric=RubricSpec((SAFETY, REACH), (VERDICT,)))
        make_rating_stage(team.project, prompts=1)
        concord.start("web")
        page = people.open(team.experts[0].username, path=f"/projects/{team.project.slug}/rate/")
        reach = page.get_by_role("spinbutton", name="Reach")
        expect(reach).to_be_visible()

        def chosen_by(press):
            page.evaluate(CLEAR)
            page.locator("#likert-score-safety input").first.focus()
            page.evaluate(PRESS, list(press))
            return page.locator("#rating-form :checked:not([value=''])").evaluate_all(
                "all => all.map(e => e.value)"
            )

        for layout, press in SCORES.items():
            assert (layout, chosen_by(press)) == (layout, ["2" if "Digit2" in press else "4"])
        for layout, press in LETTERS.items():
            assert (layout, chosen_by(press)) == (layout, ["misaligned" if "m" in press else "aligned"])
        for layout, press in NOT_OURS.items():
            assert (layout, chosen_by(press)) == (layout, [])
        reach.focus()
        for press in (("è", "Digit7", {}), ("٣", "Digit3", {})):
            page.evaluate(PRESS, list(press))
        expect(reach).to_have_value("73")
