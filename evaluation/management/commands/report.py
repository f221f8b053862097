import json

from django.core.management import BaseCommand

from core.commands import find_project
from evaluation.exports import as_csv, as_html
from evaluation.reports import as_json, build_report
from evaluation.tables import change_of, groups_of, panel_of


class Command(BaseCommand):
    help = "Print the report of a project: base and every stage side by side, on held-out prompts."

    def add_arguments(self, parser):
        parser.add_argument("--project", metavar="SLUG", help="the project (the newest)")
        parser.add_argument("--format", choices=FORMATS, default="text", help="what to print (text)")
        parser.add_argument("--json", action="store_true", dest="as_json", help="the same as --format json")

    def handle(self, *, project, format, as_json, **options):
        report = _report(find_project(project))
        for part in FORMATS["json" if as_json else format](report):
            self.stdout.write(part)


def _report(project):
    return as_json(build_report(project))


def _html(report):
    # Drawing takes seconds to import, and the other formats do without.
    from evaluation.figures import draw

    yield as_html(report, draw(report))


def report_lines(report):
    """The report as lines of text, columns aligned."""
    yield f"{report['project']} ({report['slug']})"
    yield "Held-out prompts, final labels alone; 95 % intervals in brackets."
    if report["simulated"]:
        yield "SIMULATED: this rests on ratings by simulated experts, not by people."
    yield ""
    stages = report["stages"]
    for blind in reversed(report["blind"]):
        yield from _blind_lines(report, blind)
        yield ""
    if report["blind"]:
        yield "SEPARATE ROUNDS, exploratory: each was rated in a round of its own."
        yield ""
    if not stages:
        yield "No stage yet."
        return
    table = [["", *(stage["title"] for stage in stages)]]
    table.append(["", *(stage["model"] for stage in stages)])
    if not all(stage["final"] for stage in stages):
        table.append(["", *("" if stage["final"] else "in progress" for stage in stages)])
    for group in groups_of(report):
        table += [[], [group.name]]
        for row in group.rows:
            table.append([f"  {row.name}", *(_cell(cell) for cell in row.cells)])
    yield from _aligned(table)
    for stage in stages:
        if stage["coherence_state"]:
            yield f"{stage['title']}: {stage['coherence_state']}"
    for comparison in report["comparisons"]:
        yield ""
        yield from _comparison_lines(comparison, comparison["before"].lower())
    if report["caveats"]:
        yield ""
        yield "Before you believe it"
        for caveat in report["caveats"]:
            yield f"  - {caveat}"


def _blind_lines(report, blind):
    """One comparison stage: its figures, then its tests."""
    yield f"{blind['title']}: rated blind, mixed and at one time"
    yield f"Registered before it opened: {', '.join(blind['registered_names'])}. All others are exploratory."
    columns = blind["stages"]
    table = [["", *(stage["title"] for stage in columns)]]
    for group in groups_of({"axes": report["axes"], "stages": columns}):
        table += [[], [group.name]]
        table += [[f"  {row.name}", *(_cell(cell) for cell in row.cells)] for row in group.rows]
    yield from _aligned(table)
    yield "; ".join(f"{row.name} {_cell(row.cells[0])}" for row in panel_of(blind).rows)
    for comparison in blind["comparisons"]:
        yield ""
        yield from _comparison_lines(comparison, comparison["before"])
    for caveat in blind["caveats"]:
        yield f"  - {caveat}"


def _comparison_lines(comparison, before):
    yield f"{comparison['after']} against {before}, {comparison['prompts']} prompts in both"
    if comparison["note"]:
        yield comparison["note"]
    table = [["", "before", "after", "change", "95 % interval", "p", "p (Holm)", "effect", ""]]
    for change in comparison["changes"]:
        shown = change_of(change)
        columns = ("before", "after", "difference", "interval", "p", "p_holm", "effect")
        table.append([f"  {change['name']}", *(shown[key] for key in columns), change["verdict"]])
    yield from _aligned(table, last_left=True)


def _cell(cell):
    return f"{cell.text} [{cell.interval}]" if cell.interval else cell.text


def _aligned(table, *, last_left=False):
    """Rows as lines: the first column to the left, the others to the right. Rows of one cell span the table."""
    full = [row for row in table if len(row) > 1]
    widths = [max(len(row[place]) for row in full) for place in range(len(full[0]))]
    for row in table:
        if len(row) < 2:
            yield "".join(row)
            continue
        first, *rest = row
        cells = [first.ljust(widths[0])]
        for place, text in enumerate(rest, start=1):
            left = last_left and place == len(row) - 1
            cells.append(text.ljust(widths[place]) if left else text.rjust(widths[place]))
        yield "  ".join(cells).rstrip()


FORMATS = {
    "text": report_lines,
    "json": lambda report: [json.dumps(report, ensure_ascii=False, indent=2)],
    "html": _html,
    "csv": lambda report: [as_csv(report)],
}
