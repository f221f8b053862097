"""Write a model version as one archive: `manage.py export_model MODEL FILE.zip`."""

from pathlib import Path

from django.core.management import BaseCommand, CommandError

from core.commands import find_project, telling_faults
from exchange.model_archive import write_archive
from training.models import ModelAlias


class Command(BaseCommand):
    help = "Write a model version as one zip: weights, training sets, report, card and SHA256SUMS."

    def add_arguments(self, parser):
        parser.add_argument("model", help="its name, or an alias such as champion")
        parser.add_argument("output", type=Path, metavar="FILE", help="the zip to write")
        parser.add_argument("--project", metavar="SLUG", help="the project (the newest)")

    def handle(self, *, model, output, project, **options):
        project = find_project(project)
        found = project.model_versions.filter(name=model).first()
        if found is None:
            alias = ModelAlias.objects.filter(project=project, name=model, ended_at=None)
            found = next((each.model_version for each in alias.select_related("model_version")), None)
        if found is None:
            known = ", ".join(project.model_versions.values_list("name", flat=True)[:20])
            raise CommandError(f"“{project}” has no model {model}. It has: {known or 'none yet'}.")
        if not output.parent.is_dir():
            raise CommandError(f"There is no folder {output.parent}: make it first.")
        with telling_faults():
            sums = write_archive(found, output)
        self.stdout.write(f"{len(sums)} files of “{found}” to {output}.")
