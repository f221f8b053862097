from django.core.management import BaseCommand
from django.utils import timezone

from evaluation.demo import ACCOUNTS, PASSWORD, SIZES, seed_demo


class Command(BaseCommand):
    help = "Create the demo project with its people and prompts, once, and print the accounts."

    def handle(self, **options):
        seed_demo(size=SIZES["full"], now=timezone.now())
        self.stdout.write(f"Demo accounts (password {PASSWORD} for each):")
        for username, _, _, roles in ACCOUNTS:
            self.stdout.write(f"  {username:<6} {', '.join(role.label.lower() for role in roles)}")
