"""Import prompts from a JSONL or CSV file: `manage.py import_prompts PROJECT FILE`."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotation.importing import import_prompts, preview_prompts
from core.commands import find_project, telling_faults
from exchange.reading import read_rows


class Command(BaseCommand):
    help = "Import prompts from a JSONL or CSV file: all of them, or none."

    def add_arguments(self, parser):
        parser.add_argument("project", help="the project's slug, as in its address")
        parser.add_argument(
            "file",
            type=Path,
            help="JSONL or CSV: prompt (or in JSONL messages), optional id, split, tags, reference",
        )
        parser.add_argument("--check", action="store_true", help="only say what it would bring")

    def handle(self, *, project, file, check, **options):
        project = find_project(project)
        try:
            with file.open("rb") as opened, telling_faults():
                rows = read_rows(opened, file.name)
                if check:
                    report = preview_prompts(project=project, rows=rows)
                else:
                    report = import_prompts(project=project, rows=rows, by=None, now=timezone.now())
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        splits = ", ".join(f"{count} {split}" for split, count in sorted(report.splits.items()))
        verb = "would be imported" if check else "imported"
        self.stdout.write(f"{report.total} prompts {verb}: {splits} ({report.drawn} drawn by seed).")
        for note in report.notes:
            self.stdout.write(note)
