"""Import prompts from a JSONL or CSV file: `manage.py import_prompts PROJECT FILE`."""

from argparse import ArgumentTypeError
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotation.importing import import_prompts, preview_prompts
from core.commands import find_project, telling_faults
from exchange.mapping import mapped
from exchange.reading import read_rows
from training.fitting import Fitting


def _column(text):
    name, equals, field = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError(f"“{text}” should be NAME=FIELD, such as question=prompt.")
    return name, field


class Command(BaseCommand):
    help = "Import prompts from a JSONL or CSV file: none of them where one has a fault."

    def add_arguments(self, parser):
        parser.add_argument("project", help="the project's slug, as in its address")
        parser.add_argument(
            "file",
            type=Path,
            help="JSONL or CSV: prompt (or in JSONL messages), optional id, split, tags, reference",
        )
        parser.add_argument("--check", action="store_true", help="only say what it would bring")
        parser.add_argument("--skip", action="store_true", help="leave out what the project has already")
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="NAME=FIELD",
            type=_column,
            help="read the column of this name as the field; without a field, leave it out",
        )

    def handle(self, *, project, file, check, skip, column, **options):
        project = find_project(project)
        fitting = Fitting(project)
        try:
            with file.open("rb") as opened, telling_faults():
                rows = mapped(read_rows(opened, file.name), dict(column))
                asked = {"project": project, "rows": rows, "skip": skip, "on_prompt": fitting.look}
                report = (
                    preview_prompts(**asked)
                    if check
                    else import_prompts(**asked, by=None, now=timezone.now())
                )
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        splits = ", ".join(f"{count} {split}" for split, count in sorted(report.splits.items()))
        verb = "would be imported" if check else "imported"
        self.stdout.write(f"{report.total} prompts {verb}: {splits} ({report.drawn} drawn by seed).")
        if report.there:
            self.stdout.write(f"{report.there} are in the project already.")
        for note in report.notes + fitting.notes:
            self.stdout.write(note)
