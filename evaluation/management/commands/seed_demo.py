from django.core.management import BaseCommand
from django.utils import timezone

from evaluation.demo import ACCOUNTS, PASSWORD, SIZES, give_new_password, seed_demo, with_public_password


class Command(BaseCommand):
    help = "Create the demo project with its people and prompts, once, and print the accounts."

    def add_arguments(self, parser):
        parser.add_argument(
            "--not-public",
            action="store_true",
            help="give accounts with the demo's public password a new one",
        )
        parser.add_argument("--no-project", action="store_true", help="create nothing")

    def handle(self, *, not_public, no_project, **options):
        if not no_project:
            seed_demo(size=SIZES["full"], now=timezone.now())
        people = with_public_password()
        if not_public:
            if people:
                self.tell(
                    "new password, shown this once: " + give_new_password(people, now=timezone.now()), people
                )
        elif people:
            self.tell(f"password {PASSWORD} for each", people)
        else:
            self.stdout.write("The demo accounts have the passwords they were given.")

    def tell(self, password, people):
        names = {person.username for person in people}
        self.stdout.write(f"Demo accounts ({password}):")
        for username, _, _, roles in ACCOUNTS:
            if username in names:
                self.stdout.write(f"  {username:<6} {', '.join(role.label.lower() for role in roles)}")
