"""`manage.py states`: the page docs/states.md, from the tables of moves in the models."""

from django.core.management import BaseCommand

from core.transitions import models_with_status

INTRODUCTION = """# States

Written by `manage.py states --write` from the tables beside the models; a test holds that this page equals them. A
move not listed here is refused by `core/transitions.py`, the only place that writes a status. Marked * are the states
a record is still on its way in; marked † those it ends in.
"""


def sections():
    """The whole page as Markdown."""
    parts = [INTRODUCTION]
    for model in models_with_status():
        first = next(line for line in model.__doc__.strip().splitlines() if line)
        parts.append(
            f"## {model._meta.verbose_name.capitalize()} (`{model._meta.label}`)\n\n{first.strip()}\n"
        )
        rows = ["| status | shown as | may become |", "|---|---|---|"]
        for status in model.Status:
            order = list(model.Status)
            moves = sorted(model.TRANSITIONS[status], key=order.index)
            become = ", ".join(f"`{move.name}`" for move in moves) or "nothing: it stays so"
            rows.append(f"| `{status.name}`{mark(model, status)} | {status.label} | {become} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def mark(model, status):
    if status in getattr(model, "ACTIVE", ()):
        return " *"
    return " †" if status in getattr(model, "TERMINAL", ()) else ""


class Command(BaseCommand):
    help = "Print every status and its allowed moves; with --write, into docs/states.md."

    def add_arguments(self, parser):
        parser.add_argument("--write", action="store_true", help="write docs/states.md instead of printing")

    def handle(self, *, write, **options):
        if not write:
            self.stdout.write(sections(), ending="")
            return
        from django.conf import settings

        path = settings.BASE_DIR / "docs" / "states.md"
        path.write_text(sections())
        self.stdout.write(f"Wrote {path}.")
