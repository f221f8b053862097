"""The Celery app. Beat only sweeps: it looks for rows that are due and enqueues them."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("concord")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule_sweeps(sender, **kwargs):
    from django.conf import settings

    every = settings.SWEEP_SECONDS
    for name in ("core.sweep", "jobs.sweep", "annotation.sweep", "arbitration.sweep", "evaluation.sweep"):
        sender.conf.beat_schedule[name] = {
            "task": name,
            "schedule": every,
            # A sweep that waited longer than its own interval has been overtaken by the next one.
            "options": {"expires": every, "queue": "default"},
        }
