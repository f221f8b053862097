from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from core.commands import find_project, telling_faults
from evaluation.external import launch_benchmark, results_of, run_benchmark
from jobs.models import Job


class Command(BaseCommand):
    help = "Put a model version through a folder of lm-evaluation-harness tasks, here and now, and keep its figures."

    def add_arguments(self, parser):
        parser.add_argument("model", help="the model version's name, such as v1")
        parser.add_argument("folder", help="the tasks: YAML files, their data beside them")
        parser.add_argument("--project", metavar="SLUG", help="the project (the newest)")
        parser.add_argument("--limit", type=int, default=0, help="so many examples of each task (all)")

    def handle(self, *, model, folder, project, limit, **options):
        if limit < 0:
            raise CommandError("--limit is a number of examples, or 0 for all.")
        project = find_project(project)
        version = project.model_versions.filter(name=model).first()
        if version is None:
            known = ", ".join(project.model_versions.values_list("name", flat=True)[:20])
            raise CommandError(f"{project} has no model “{model}”. There are: {known or 'none yet'}.")
        with telling_faults():
            run = launch_benchmark(
                model_version=version, folder=folder, limit=limit, by=None, now=timezone.now()
            )
        run_benchmark(pk=run.pk)
        run.refresh_from_db()
        if run.status != Job.Status.SUCCEEDED:
            raise CommandError(f"{run}: {run.get_status_display().lower()}. {run.reason}")
        for row in results_of([version])[version.pk]:
            if row.run_id == run.pk:
                error = "" if row.error is None else f" ± {row.error:.4f}"
                self.stdout.write(f"{row.task}  {row.metric}  {row.value:.4f}{error}  n = {row.n}")
