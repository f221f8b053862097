"""The planner's page: how large a comparison of this project must be, from its own variance and its experts' pace."""

from dataclasses import dataclass

from annotation.counting import shown_prompts
from annotation.progress import seconds_each
from evaluation.opening import HELD_OUT, raters_of_project
from evaluation.pace import hours
from evaluation.planning import Planned, plan
from evaluation.spreads import spreads_of


@dataclass(frozen=True)
class Sized:
    """One endpoint's plan, and what it comes to: `ratings` and `hours` (None where too many, or no pace is known)."""

    planned: Planned
    is_known: bool
    ratings: int | None
    hours: float | None


@dataclass(frozen=True)
class Size:
    """How large a comparison must be. `held_out`: the prompts there are; `basis`: what the spreads rest on."""

    endpoints: list[Sized]
    held_out: int
    ratings: int
    hours: float | None
    basis: str


def usual(project):
    """What is asked unless somebody asks for something else: the form's fields."""
    rubric = project.policy.rubric
    return {
        "score": 0.3,
        "share": 10,
        "power": 80,
        # Each axis, both shares of the classes, and the mean cosine and coherent share of the report.
        "endpoints": rubric.axes.count() + 4,
        "versions": 2,
        "ratings": project.policy.ratings_per_response,
    }


def size_of(project, asked):
    """The Size for what is asked, the form's cleaned fields."""
    spreads, basis = spreads_of(project)
    held_out = shown_prompts(project).get(HELD_OUT, 0)
    pace = seconds_each(raters_of_project(project))
    of_prompt = asked["versions"] * asked["ratings"]
    sized = []
    for each in spreads:
        wanted = asked["score"] if each.kind == "score" else asked["share"] / 100
        planned = plan(
            each.name,
            each.kind,
            spread=each.spread,
            wanted=wanted,
            power=asked["power"] / 100,
            endpoints=asked["endpoints"],
            prompts=held_out,
        )
        ratings = planned.prompts and planned.prompts * of_prompt
        sized.append(Sized(planned, each.is_known, ratings, ratings and hours(ratings, pace)))
    return Size(sized, held_out, held_out * of_prompt, hours(held_out * of_prompt, pace), basis)
