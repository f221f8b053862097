"""PURE. What a report consists of, as the page, the terminal and the JSON show it."""

from dataclasses import dataclass, field

from evaluation.comparisons import Comparison
from evaluation.statistics import Estimate


@dataclass(frozen=True)
class Axis:
    """An axis in its own range. One that had another range in an earlier rubric is a row of its own for it."""

    key: str
    name: str
    lowest: int
    highest: int


@dataclass(frozen=True)
class Agreement:
    """How far the experts of a stage agreed on one axis or label set, over the responses of all splits:
    Krippendorff's α (ordinal or nominal; None where it is undefined), Gwet's AC2 or AC1, the share on which all said
    the same, and on axes the share with max − min > τ. `lacks_variety`: α is low although the experts agree."""

    key: str
    name: str
    alpha: float | None
    ac: float | None
    exact: float | None
    apart: float | None
    lacks_variety: bool


@dataclass(frozen=True)
class Coherence:
    """Cosines of some responses: their mean and the share that reaches γ. None without responses."""

    n: int
    mean: Estimate | None
    share: Estimate | None


@dataclass(frozen=True)
class StageReport:
    """One stage. Without final labels (`final` False) it carries no numbers.

    `responses`, `prompts`: of the held-out split; `labeled`: those with a class; `not_judged`: those whose answers
    leave it open; `excluded`: those a lead excluded; `set_aside`: those that were taken out before they had a label;
    `unanswered`: prompts that the model could not answer. Of the responses, `cut_off` reached their token limit,
    `empty` ones are blank, `echoes` repeat their prompt (by the cosine), `other_script` are in another script than it.
    `scores`: {axis key: mean final score}. `coherence` is None while cosines are missing (`coherence_state` says why);
    else it covers all held-out responses, excluded ones too, because it describes the model. `truncated_prompts`,
    `truncated_responses`: those of them whose beginning alone the encoder read. `bins`: the share of them between two
    of the `bin_edges`. `escalated`: diverging responses, all splits.
    """

    number: int
    title: str
    model: str
    status: str
    final: bool
    policy_version: int
    gamma: float
    responses: int = 0
    prompts: int = 0
    labeled: int = 0
    not_judged: int = 0
    excluded: int = 0
    set_aside: int = 0
    unanswered: int = 0
    cut_off: int = 0
    empty: int = 0
    echoes: int = 0
    other_script: int = 0
    scores: dict[str, Estimate] = field(default_factory=dict)
    aligned: Estimate | None = None
    partly: Estimate | None = None
    misaligned: Estimate | None = None
    coherence_state: str = ""
    coherence: Coherence | None = None
    refusals: Coherence | None = None
    others: Coherence | None = None
    truncated_prompts: int = 0
    truncated_responses: int = 0
    bins: list[float] = field(default_factory=list)
    agreement: list[Agreement] = field(default_factory=list)
    escalated: Estimate | None = None
    simulated: bool = False
    set_aside_because: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """Everything the page, the terminal and the JSON show. `coherence_with`: what cosines compare a response with.

    `neighbours`: (held-out prompts that mean nearly what a training prompt does, held-out prompts compared), or None.
    """

    project: str
    slug: str
    split: str
    simulated: bool
    encoder: str
    coherence_with: str
    neighbours: tuple[int, int] | None
    axes: list[Axis]
    stages: list[StageReport]
    comparisons: list[Comparison]
    caveats: list[str]
    bin_edges: list[float]
