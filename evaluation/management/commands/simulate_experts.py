from django.core.management import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from core.errors import DomainError
from core.models import Project, Stage
from evaluation.simulation import before_people, simulate_stage


class Command(BaseCommand):
    help = "Rate and settle the open stage of a project with simulated experts and a simulated lead."

    def add_arguments(self, parser):
        parser.add_argument("project", help="slug of the project")
        parser.add_argument(
            "--stage", help='its key, "1" or "comparison-1" (the one that is handed out first)'
        )
        parser.add_argument("--experts", type=int, default=3, help="how many simulated experts (3)")
        parser.add_argument("--seed", type=int, default=0, help="seed of their chance (0)")

    def handle(self, *, project, experts, seed, stage, **options):
        of_project = Stage.objects.filter(project__slug=project)
        stage = next(iter((of_project if stage is None else of_project.at(stage)).in_rating()), None)
        if stage is None:
            known = ", ".join(Project.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"No stage of “{project}” is open for rating. Projects: {known}.")
        total = stage.assignments.exclude(status="submitted").count()
        with tqdm(total=total, desc=f"{stage}: ratings", unit="rating") as bar:
            try:
                done = simulate_stage(
                    stage=stage,
                    experts=experts,
                    seed=seed,
                    clock=timezone.now,
                    on_progress=lambda kind: bar.update(1) if kind == "rating" else None,
                )
            except DomainError as error:
                raise CommandError(str(error)) from None
        self.stdout.write(
            f"{done.ratings} ratings, {done.decisions} cases settled, {done.revisions} revisions accepted."
        )
        if held := before_people(stage):
            self.stdout.write(
                f"Still open, because somebody has it before them: {', '.join(held)}. They submit it, or their time "
                "for it runs out."
            )
