"""Bring in ratings that real experts gave: `manage.py import_ratings --format xstest DIR`."""

from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from annotation.models import Prompt
from core.commands import telling_faults
from core.models import Membership, User
from core.projects import add_member
from exchange.studies import dices, summeval, xstest
from exchange.studies.bringing import bring, stored_items
from exchange.studies.figures import figures_of

READERS = {"xstest": xstest.read, "dices": dices.read, "summeval-op": summeval.read}


class Command(BaseCommand):
    help = "Bring in a published set of ratings through the same use cases as the browser, and tell its agreement."

    def add_arguments(self, parser):
        parser.add_argument("--format", choices=READERS, required=True, help="which set the folder holds")
        parser.add_argument("folder", type=Path, help="the folder with the set's files")
        parser.add_argument(
            "--project", metavar="NAME", help="the project's name (the set's own if left out)"
        )
        parser.add_argument("--admin", metavar="USERNAME", help="the account that is to run the project")

    def handle(self, *, format, folder, project, admin, **options):
        now = timezone.now()
        by = self._admin(admin)
        with telling_faults():
            study = READERS[format](folder)
            brought = bring(study, name=project, by=by, now=now, progress=self._progress)
        if by is not None:
            add_member(project=brought.project, user=by, role=Membership.Role.ADMIN, by=by, now=now)
        self._tell(brought)
        self.stdout.write("\nAgreement of what was brought in:")
        for what, value in figures_of(format, stored_items(study, brought.stage)):
            self.stdout.write(f"  {what:<42} {value:.4f}")
        if not brought.project.memberships.filter(role=Membership.Role.ADMIN).exists():
            self.stdout.write(
                f"\nNobody runs “{brought.project}” yet: run this again with --admin USERNAME to open it "
                "in the browser."
            )

    def _admin(self, username):
        if not username:
            return None
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no account “{username}”.")
        return user

    @contextmanager
    def _progress(self, total, label):
        # disable=None: a bar on a terminal, silence in a log.
        with tqdm(total=total, desc=label, unit="", mininterval=0.5, disable=None if total else True) as bar:
            yield bar.update

    def _tell(self, brought):
        write = self.stdout.write
        if brought.was_there:
            write(f"“{brought.project}” is there already: nothing was brought in twice.")
        else:
            write(
                f"Brought “{brought.project}” in: {brought.new_ratings} ratings, {brought.new_decisions} decisions."
            )
        prompts, responses = brought.project.prompts, brought.stage.responses.count()
        splits = ", ".join(f"{prompts.filter(split=split).count()} {split}" for split in Prompt.Split.values)
        write(f"  {prompts.count()} prompts ({splits}), {responses} responses, {brought.ratings} ratings")
        reasons = ", ".join(f"{reason.lower()} {count}" for reason, count in sorted(brought.reasons.items()))
        write(f"  {brought.escalations} escalations ({reasons})" if reasons else "  0 escalations")
        write(
            f"  {brought.decisions} decisions of a lead, {brought.overridden} of them a value no expert gave"
        )
        if brought.unlike:
            write(f"  {brought.unlike} agreed responses have another adjudicated label, which was not used")
        write(f"  {brought.escalations - brought.decisions} cases wait for a lead")
