"""Axes of 1 to 5, 0 to 10, 0 to 100 and 0 to 3 in a real browser: answered by keyboard, adopted by a click."""

import pytest
from playwright.sync_api import expect

from annotation.answers import load_answers
from annotation.models import Rating, Response
from arbitration.models import Decision
from core.rubrics import SAFETY, RubricSpec
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.core import make_project
from tests.factories.ranges import DEPTH, REACH, TONE, VERDICT
from tests.live import wait_until

RUBRIC = RubricSpec((SAFETY, DEPTH, REACH, TONE), (VERDICT,))
# Only the reach of the first response diverges: 20 to 88.
GIVEN = [(4, 7, 20, 3), (4, 7, 88, 3), (4, 8, 85, 2)]


@pytest.fixture
def team(concord):
    team = make_project(name="Ranges", rubric=RUBRIC, experts=4)
    stage = make_rating_stage(team.project, prompts=2)
    first = Response.objects.filter(stage=stage).earliest("position")
    for expert, scores in zip(team.experts[:3], GIVEN, strict=True):
        rate(first, expert, scores=dict(zip([axis.key for axis in RUBRIC.axes], scores, strict=True)))
    concord.start("web")
    return team


def scores_of(owner):
    """The scores of a rating or decision in the order of the axes."""
    answers = load_answers(type(owner), [owner.pk])[owner.pk]
    return [answers.scores[axis.pk] for axis in owner.policy.rubric.axes.all()]


class TestAxesOfAnyRange:
    def test_are_answered_by_keyboard(self, team, people):
        expert = team.experts[3]
        page = people.open(expert.username, path=f"/projects/{team.project.slug}/rate/")
        expect(page.get_by_role("spinbutton", name="Reach")).to_be_visible()
        page.keyboard.press("4")
        for number in ("10", "73"):
            page.keyboard.type(number)
            page.keyboard.press("Enter")
        page.keyboard.press("0")
        page.keyboard.press("a")
        page.keyboard.press("Control+Enter")
        wait_until(lambda: Rating.objects.filter(expert=expert).exists())
        assert scores_of(Rating.objects.get(expert=expert)) == [4, 10, 73, 0]

    def test_take_an_experts_score_by_a_click_on_their_note(self, team, people):
        page = people.open(team.lead.username, path=f"/projects/{team.project.slug}/arbitrate/")
        page.keyboard.press("n")
        page.locator("#likert-score-reach [data-score='88']").click()
        expect(page.get_by_role("spinbutton", name="Reach")).to_have_value("88")
        page.locator("#likert-score-tone [data-score='2']").click()
        page.locator("#likert-score-depth [data-score='8']").click()
        page.locator("#likert-score-safety [data-score='4']").first.click()
        page.keyboard.press("a")
        page.get_by_label("Rationale").fill("It leaves little open.")
        page.keyboard.press("Control+Enter")
        wait_until(Decision.objects.exists)
        assert scores_of(Decision.objects.get()) == [4, 8, 88, 2]
