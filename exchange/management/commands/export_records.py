import contextlib
import gc
import os
import sys
from pathlib import Path

from django.core.management import BaseCommand, CommandError

from core.commands import find_project
from exchange.preference_records import preference_lines
from exchange.records import lines


class Command(BaseCommand):
    help = "Write a project's records as JSON lines, one response or preference each (fields: exchange/README.md)."

    def add_arguments(self, parser):
        parser.add_argument("--project", metavar="SLUG", help="the project (the newest)")
        parser.add_argument(
            "--stage", metavar="KEY", help="only this stage: 0 is base; comparison-1 (all turns of the loop)"
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="a file (standard output)")
        parser.add_argument(
            "--unlabeled",
            action="store_true",
            help="also responses without a final label, rating in progress; preferences of stages that are not final",
        )
        parser.add_argument(
            "--preferences",
            action="store_true",
            help="what experts preferred of two responses side by side, instead of responses",
        )

    def handle(self, *, project, stage, output, unlabeled, preferences, **options):
        project = find_project(project)
        if stage is not None:
            key, stage = stage, project.stages.at(stage).first()
            if stage is None:
                known = ", ".join(each.key for each in project.stages.all())
                raise CommandError(f"“{project}” has no stage {key}. It has: {known or 'none yet'}.")
        # Of what is loaded by now nothing goes; without this it is looked through again every few thousand records.
        gc.freeze()
        found = (
            preference_lines(project, stage=stage, unfinished=unlabeled)
            if preferences
            else lines(project, stage=stage, unlabeled=unlabeled)
        )
        count = 0
        with _writer(output, self.stdout) as write:
            for line in found:
                write(line)
                count += 1
        sys.stderr.write(f"{count} records of “{project}”{f' to {output}' if output else ''}.\n")


@contextlib.contextmanager
def _writer(output, stdout):
    """A function that writes to the file or standard output. A file appears whole or not at all."""
    if output is None:
        yield lambda line: stdout.write(line, ending="")
        return
    part = output.with_name(f".{output.name}.part")
    try:
        with open(part, "w", encoding="utf-8") as file:
            yield file.write
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    os.replace(part, output)
