import time

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.utils import timezone
from tqdm import tqdm

from core.errors import DomainError
from evaluation.demo import SIZES, Loop, seed_demo
from serving import keeper, processes
from serving.running import Keeper, NotRunning, Waiting, only_one_here, what_happened


class Bar:
    """A tqdm bar whose end may carry a remark."""

    def __init__(self, label, total):
        self.bar = tqdm(
            total=total,
            desc=f"{label:<28}",
            bar_format="{desc} {bar:30} {n_fmt}/{total_fmt} {elapsed}{postfix}",
        )

    def update(self, number):
        self.bar.update(number)

    def close(self, remark):
        if remark:
            self.bar.set_postfix_str(remark)
        self.bar.close()


class Command(BaseCommand):
    help = "Run the whole loop on the demo project with simulated experts, then print the report."

    def add_arguments(self, parser):
        parser.add_argument("--size", choices=sorted(SIZES), default="full", help="small or full (full)")
        parser.add_argument("--seed", type=int, default=0, help="seed of training and simulation (0)")

    def handle(self, *, size, seed, **options):
        keeper.adopt_orphans()
        keeper.stop_on_signals()
        try:
            self.run(SIZES[size], seed)
        except NotRunning as error:
            raise CommandError(str(error)) from None
        except keeper.Told:
            keeper.ignore_signals()
            keeper.end_descendants()
            raise CommandError("Stopped. The same command goes on from here.") from None

    def run(self, size, seed):
        began = time.monotonic()
        with only_one_here():
            call_command("migrate", verbosity=0)
            project = seed_demo(size=size, now=timezone.now())
            services = processes.services(host="127.0.0.1", port=0)
            kept = Keeper(
                [service for service in services if service["name"] != "web"], on_wait=Waiting(self.stdout)
            )

            def check():
                if ending := kept.ending(timeout=0.01):
                    raise NotRunning(what_happened(ending))

            try:
                Loop(project=project, size=size, bar=Bar, check=check, seed=seed).run()
            except DomainError as error:
                raise CommandError(f"{error}\nLogs: {settings.VAR / 'log'}") from None
            finally:
                kept.stop()
        call_command("report", project=project.slug, stdout=self.stdout)
        minutes, seconds = divmod(round(time.monotonic() - began), 60)
        self.stdout.write(f"\nTook {minutes} min {seconds} s. Look at it with: make run")
