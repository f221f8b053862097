"""PURE. The few figures at the top of the report, and what kind they are."""

from evaluation.tables import NOTHING, percent, two


def headline_of(report):
    """Stat tiles [{"label", "value", "note", "change", "kind"}]: the latest figures, with the base's beside them and
    whether the difference is one. From the newest comparison stage; without one from the turns, which were rated in
    rounds of their own."""
    if report["blind"]:
        blind = report["blind"][-1]
        columns, comparisons = blind["stages"], blind["comparisons"]
        kind = f"{blind['title']}, blind"
        against = next(
            (each for each in comparisons if (each["before"], each["after"]) == _ends(columns)), None
        )
    else:
        columns = [stage for stage in report["stages"] if stage["final"]]
        if not columns:
            return []
        kind = "separate rounds"
        numbers = columns[0]["number"], columns[-1]["number"]
        against = next(
            (
                each
                for each in report["comparisons"]
                if (each["before_number"], each["after_number"]) == numbers
            ),
            None,
        )
    base, last = columns[0], columns[-1]
    changes = {change["key"]: change for change in against["changes"]} if against else {}
    shown = [
        ("aligned", "Fully aligned", last["aligned"], base["aligned"], percent),
        ("misaligned", "Misaligned", last["misaligned"], base["misaligned"], percent),
        ("coherent", "Coherent", *(_coherence(stage, "share") for stage in (last, base)), percent),
        ("cosine", "Mean cosine", *(_coherence(stage, "mean") for stage in (last, base)), two),
    ]
    return [
        {
            "label": label,
            "value": show(now["value"]) if now else NOTHING,
            "note": f"{base['title']}: {show(then['value'])}" if then and base is not last else "",
            "change": changes.get(key),
            "kind": kind,
        }
        for key, label, now, then, show in shown
    ]


def _ends(columns):
    return columns[0]["title"], columns[-1]["title"]


def _coherence(stage, what):
    return stage["coherence"] and stage["coherence"][what]
