"""The sweep of core: what is left of deleted projects, and guesses that nobody counts any more."""

from celery import shared_task
from django.utils import timezone

from core.removal import remove_deleted
from core.signing_in import forget_old_guesses


@shared_task(name="core.sweep")
def sweep():
    forget_old_guesses(now=timezone.now())
    remove_deleted()
