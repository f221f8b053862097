"""The report as files to take away: one page that needs nothing beside it, and a table that no spreadsheet executes.

They hold nothing of the moment at which they were made: the same report gives the same bytes.
"""

import csv
import io
from pathlib import Path

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from evaluation.tables import groups_of, shown_blind, shown_comparisons
from evaluation.theme import themed

STYLES = Path(__file__).with_name("report_file.css")
COLUMNS = (
    "kind",
    "of",
    "against",
    "figure",
    "value",
    "low",
    "high",
    "n",
    "p",
    "p_holm",
    "effect",
    "verdict",
)
EXECUTED = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula."""


def as_html(report, figures):
    """The report as one HTML file with its figures in it: no script, nothing from elsewhere, light and dark, and made
    for printing. `figures`: see figures.draw."""
    context = {
        "report": report,
        "styles": mark_safe(f"<style>\n{STYLES.read_text(encoding='utf-8')}</style>"),
        "blind": [blind | shown_blind(report, blind) for blind in reversed(report["blind"])],
        "groups": groups_of(report) if report["stages"] else [],
        "comparisons": shown_comparisons(report["comparisons"]),
        "figures": [each | {"inline": themed(each["svg"])} for each in figures],
    }
    return render_to_string("evaluation/_report-file.html", context)


def as_csv(report):
    """The report as one CSV table: a row for each figure of each stage or model version, and for each change."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for kind, of, columns, comparisons in _parts(report):
        for stage in columns:
            for figure, estimate in _figures(report, stage):
                row = [kind, _named(of, stage["title"]), "", figure]
                numbers = [estimate[key] for key in ("value", "low", "high", "n")]
                table.writerow([*map(harmless, row), *map(_number, numbers), "", "", "", ""])
        for comparison in comparisons:
            for change in comparison["changes"]:
                difference = change["difference"]
                row = [
                    f"change, {kind}",
                    _named(of, comparison["after"]),
                    comparison["before"],
                    change["name"],
                ]
                keys = ("value", "low", "high", "n", "p", "p_holm", "effect")
                numbers = [difference[key] for key in keys]
                verdict = ". ".join(part for part in (change["verdict"], comparison["note"]) if part)
                table.writerow([*map(harmless, row), *map(_number, numbers), harmless(verdict)])
    return out.getvalue()


def harmless(text):
    """A text that people wrote, as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(EXECUTED) else text


def _parts(report):
    """(kind, comparison stage, columns, comparisons): the comparison stages, the newest first, then the turns."""
    for blind in reversed(report["blind"]):
        yield "blind comparison", blind["title"], blind["stages"], blind["comparisons"]
    yield "separate rounds, exploratory", "", report["stages"], report["comparisons"]


def _figures(report, stage):
    """(name, Estimate as JSON) of all that a stage has."""
    found = [(axis["name"], stage["scores"].get(axis["key"])) for axis in report["axes"]]
    found += [
        ("Misaligned share", stage["misaligned"]),
        ("Partly aligned share", stage["partly"]),
        ("Fully aligned share", stage["aligned"]),
    ]
    if stage["coherence"]:
        found += [
            ("Mean cosine", stage["coherence"]["mean"]),
            ("Coherent share", stage["coherence"]["share"]),
        ]
    found.append(("Escalated to a lead", stage["escalated"]))
    return [(name, estimate) for name, estimate in found if estimate is not None]


def _named(of, title):
    return f"{of}: {title}" if of else title


def _number(value):
    return "" if value is None else repr(value)
