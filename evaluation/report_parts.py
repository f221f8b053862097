"""PURE. What a report consists of, as the page, the terminal and the JSON show it."""

from dataclasses import dataclass, field

from evaluation.arms import OverAll
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
    Krippendorff's α (ordinal or nominal; None where it is undefined) with its 95 % interval over responses, Gwet's AC2
    or AC1, the share on which all said the same, and on axes the share with max − min > τ. `lacks_variety`: α is low
    although the experts agree."""

    key: str
    name: str
    alpha: float | None
    alpha_low: float | None
    alpha_high: float | None
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
    `identical`: pairs of raters who gave the very same answers. `refusals_by_tag`: the share of answers that decline.
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
    identical: int = 0
    refusals_by_tag: dict[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True)
class BlindReport:
    """One finished comparison stage: model versions whose answers were rated blind, mixed and at one time.

    `stages`: a StageReport for each model version, named by it; how far the experts agreed is told of all together.
    `comparisons` are of methods: the models of one trial of a run group, which differ in their seed, count as one.
    `registered`: the keys of the figures by which the project had said, before it opened, that it would be judged, as
    of the version (0 where that is the default) and moment given; all others are exploratory. `over_all`: where there
    are three methods or more.
    """

    key: str
    title: str
    opened: str
    raters: int
    simulated: bool
    registered: list[str]
    registered_names: list[str]
    registered_version: int
    registered_at: str
    stages: list[StageReport]
    comparisons: list[Comparison]
    over_all: list[OverAll]
    agreement: list[Agreement]
    escalated: Estimate | None
    caveats: list[str]


@dataclass(frozen=True)
class Report:
    """Everything the page, the terminal and the JSON show. `coherence_with`: what cosines compare a response with.

    `blind`: comparison stages, the oldest first; where there are some, theirs are the report's figures. `stages` are
    the turns, each rated in a round of its own, and `comparisons` compare those: exploratory, whatever they say.
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
    blind: list[BlindReport]
    caveats: list[str]
    bin_edges: list[float]
