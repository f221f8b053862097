"""PURE. The report (as JSON) laid out in rows and cells, the same for the page and the terminal."""

from dataclasses import dataclass, field

from annotation.agreement import TENTATIVE
from core.scales import Scale

NOTHING = "–"
UNDEFINED = "undefined"
MOST_TAGS = 12


@dataclass(frozen=True)
class Cell:
    """`text` is the figure, `interval` its 95 % interval or what it counts; `look` set where it is a rating: from 1
    (poor) to 5, by its place on the axis' range."""

    text: str = NOTHING
    interval: str = ""
    look: int | None = None
    weak: bool = False


@dataclass(frozen=True)
class Row:
    name: str
    cells: list[Cell]
    note: str = ""


@dataclass(frozen=True)
class Group:
    name: str
    rows: list[Row] = field(default_factory=list)


def groups_of(report):
    """The paper's table: [Group], one cell a stage in each row; stages without final labels have empty cells."""
    stages = report["stages"]
    return [
        group
        for group in (
            _basis(stages),
            _ratings(report),
            _alignment(stages),
            _coherence(stages),
            _refusals(stages),
            _experts(stages),
        )
        if group.rows
    ]


def figured_stages(report):
    """What the figures show: the model versions of the newest comparison, without one the turns."""
    if report["blind"]:
        return report["blind"][-1]["stages"]
    return [stage for stage in report["stages"] if stage["final"]]


def shown_comparisons(comparisons):
    """Comparisons, each change with its texts as "shown", the newest first."""
    return [
        comparison | {"changes": [change | {"shown": change_of(change)} for change in comparison["changes"]]}
        for comparison in sorted(comparisons, key=lambda each: (-each["after_number"], each["before_number"]))
    ]


def shown_blind(report, blind):
    """What a comparison stage of the report is shown with: its comparisons, its table, its panel."""
    return {
        "comparisons": shown_comparisons(blind["comparisons"]),
        "groups": groups_of({"axes": report["axes"], "stages": blind["stages"]}),
        "panel": panel_of(blind),
    }


def panel_of(blind):
    """How far the experts of a comparison stage agreed: a Group of one cell each."""
    return _experts([blind])


def change_of(change):
    """A comparison's change as text: {"before", "after", "difference", "interval", "p", "p_holm", "effect"}."""
    difference = change["difference"]
    show = FORMATS[change["kind"]]
    points = change["kind"] == "share"
    return {
        "before": show(change["before"]),
        "after": show(change["after"]),
        "difference": signed(difference["value"], points),
        "interval": (
            NOTHING
            if difference["low"] is None
            else f"{signed(difference['low'], points)} to {signed(difference['high'], points)}"
        ),
        "p": p_text(difference["p"]),
        "p_holm": p_text(difference["p_holm"]),
        "effect": NOTHING if difference["effect"] is None else _number(difference["effect"], 2),
        "by_seed": " · ".join(signed(each, points) for each in change["by_seed"]),
    }


def histogram_of(report):
    """The figure's bins as a table: {"stages": [title], "rows": [{"name", "shares"}]}; None without cosines."""
    stages = [stage for stage in figured_stages(report) if stage["bins"]]
    if not stages:
        return None
    edges = report["bin_edges"]
    rows = [
        {
            "name": f"{_number(low, 2)} to {_number(high, 2)}",
            "shares": [stage["bins"][place] for stage in stages],
        }
        for place, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True))
        if any(stage["bins"][place] for stage in stages)
    ]
    return {"stages": [stage["title"] for stage in stages], "rows": rows}


def p_text(p):
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def interval_text(estimate, show):
    if estimate is None or estimate["low"] is None:
        return ""
    return f"{show(estimate['low'])} to {show(estimate['high'])}"


def percent(value):
    return f"{100 * value:.0f} %"


def two(value):
    return _number(value, 2)


ODDITIES = {
    "cut_off": "Cut off at the token limit",
    "empty": "Empty",
    "echoes": "Repeats the prompt",
    "other_script": "In another script than the prompt",
}
FORMATS = {"score": two, "cosine": two, "share": percent}


def _basis(stages):
    return Group(
        "Held-out split",
        [
            _counts("Prompts", stages, "prompts"),
            _counts("Responses with a class (n)", stages, "labeled"),
            *_counts_if_any("Not judged", stages, "not_judged"),
            _counts("Excluded by a lead", stages, "excluded"),
            *_counts_if_any("Set aside", stages, "set_aside"),
            *_counts_if_any("Prompts the model could not answer", stages, "unanswered"),
            *(
                Row(name, [_share_of(stage, key) for stage in stages])
                for key, name in ODDITIES.items()
                if any(stage[key] for stage in stages)
            ),
        ],
    )


def _ratings(report):
    rows = []
    one_range = len({(axis["lowest"], axis["highest"]) for axis in report["axes"]}) == 1
    for axis in report["axes"]:
        cells = []
        for stage in report["stages"]:
            estimate = stage["scores"].get(axis["key"])
            look = estimate and Scale(axis["lowest"], axis["highest"]).look(estimate["value"])
            cells.append(_estimate(estimate, two, look=look))
        rows.append(Row(axis["name"] if one_range else f"{axis['name']}, {_range(axis)}", cells))
    return Group(f"Mean rating, {_range(report['axes'][0])}" if one_range else "Mean rating", rows)


def _range(axis):
    return f"{axis['lowest']} to {axis['highest']}"


def _alignment(stages):
    names = {"misaligned": "Misaligned", "partly": "Partly aligned", "aligned": "Fully aligned"}
    return Group(
        "Alignment, share of responses",
        [Row(name, [_estimate(stage[key], percent) for stage in stages]) for key, name in names.items()],
    )


def _coherence(stages):
    rows = []
    for key, name in (
        ("coherence", "all responses"),
        ("others", "without refusals"),
        ("refusals", "refusals only"),
    ):
        found = [stage[key] for stage in stages]
        if key != "coherence" and not any(each and each["n"] for each in found):
            continue
        rows += [
            Row(
                f"Mean cosine, {name}",
                [
                    _estimate(each and each["mean"], two, extra=f"n = {each['n']}" if each else "")
                    for each in found
                ],
            ),
            Row(f"Coherent, {name}", [_estimate(each and each["share"], percent) for each in found]),
        ]
    gammas = {stage["gamma"] for stage in stages}
    name = f"from a cosine of {gammas.pop():g}" if len(gammas) == 1 else "from each stage’s γ"
    return Group(f"Coherence, coherent {name}", rows)


def _refusals(stages):
    """Refusals of the commonest tags: of harmless prompts they are too many, of harmful ones those that lack."""
    prompts = {}
    for stage in stages:
        for tag, estimate in stage["refusals_by_tag"].items():
            prompts[tag] = max(prompts.get(tag, 0), estimate["n"])
    tags = sorted(sorted(prompts, key=lambda tag: (-prompts[tag], tag))[:MOST_TAGS])
    return Group(
        "Refusals by tag: too many where prompts are harmless, too few where they are harmful",
        [
            Row(tag, [_estimate(stage["refusals_by_tag"].get(tag), percent) for stage in stages])
            for tag in tags
        ],
    )


def _experts(stages):
    rows, seen = [], {}
    for stage in stages:
        for each in stage["agreement"]:
            seen.setdefault(each["key"], each["name"])
    for key, name in seen.items():
        cells = []
        for stage in stages:
            each = next((one for one in stage["agreement"] if one["key"] == key), None)
            if each is None or each["exact"] is None:
                cells.append(Cell())
                continue
            alpha, ac = each["alpha"], each["ac"]
            about = f"same {percent(each['exact'])}" + (f" · AC {two(ac)}" if ac is not None else "")
            if each["alpha_low"] is not None:
                about = f"{two(each['alpha_low'])} to {two(each['alpha_high'])} · {about}"
            weak = alpha is not None and alpha < TENTATIVE and not each["lacks_variety"]
            cells.append(Cell(UNDEFINED if alpha is None else two(alpha), about, weak=weak))
        if any(cell != Cell() for cell in cells):
            rows.append(Row(f"Krippendorff’s α, {name}", cells))
    if any(stage["escalated"] for stage in stages):
        rows.append(Row("Escalated to a lead", [_estimate(stage["escalated"], percent) for stage in stages]))
    return Group("Agreement of the experts, all splits", rows)


def _counts_if_any(name, stages, key):
    return [_counts(name, stages, key)] if any(stage[key] for stage in stages) else []


def _share_of(stage, key):
    if not stage["final"] or not stage["responses"]:
        return Cell()
    return Cell(percent(stage[key] / stage["responses"]), f"{stage[key]:,} of {stage['responses']:,}")


def _counts(name, stages, key):
    return Row(name, [Cell(f"{stage[key]:,}") if stage["final"] else Cell() for stage in stages])


def _estimate(estimate, show, *, look=None, extra=""):
    if estimate is None:
        return Cell()
    interval = interval_text(estimate, show)
    return Cell(show(estimate["value"]), " · ".join(part for part in (interval, extra) if part), look=look)


def signed(value, points):
    """A change with its sign; `points`: of a share, in percentage points."""
    text = f"{100 * value:+.0f}" if points else f"{value:+.2f}"
    if float(text) == 0:
        text = text[1:]
    return text.replace("-", "−") + (" pp" if points else "")


def _number(value, decimals):
    return f"{value:.{decimals}f}".replace("-", "−")
