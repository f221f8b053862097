"""The sweep, on the real broker of the test, without workers."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import life, pulse
from jobs.models import Job
from jobs.tasks import sweep, waiting_messages
from tests.factories.training import make_base_stage
from training.models import GenerationRun


@pytest.fixture
def queued(concord):
    """A queued generation; its own nudge is forgotten, as if the message had been lost."""
    run = make_base_stage(now=timezone.now()).generation_runs.get()
    concord.empty_broker()
    return run


class TestSweep:
    def test_sends_what_is_due_when_its_message_was_lost(self, queued):
        assert waiting_messages("gpu") == 0
        sweep()
        assert waiting_messages("gpu") == 1

    def test_does_not_pile_up_messages_while_the_workers_are_busy(self, queued):
        for _ in range(5):
            sweep()
        assert waiting_messages("gpu") == 1

    def test_asks_once_whether_the_workers_are_there_where_nothing_is_due(self, queued):
        life.claim(GenerationRun, queued.pk, now=timezone.now())
        for _ in range(3):
            sweep()
        assert waiting_messages("gpu") == 1

    def test_shows_that_it_was_done(self, queued, settings):
        (settings.PULSES / pulse.SWEEP).unlink(missing_ok=True)
        sweep()
        assert pulse.age(pulse.SWEEP) < 10

    def test_requeues_and_sends_a_job_whose_worker_fell_silent(self, queued, settings):
        long_ago = timezone.now() - timedelta(seconds=settings.JOB_LOST_SECONDS + 1)
        life.claim(GenerationRun, queued.pk, now=long_ago)
        sweep()
        queued.refresh_from_db()
        assert (
            queued.status == Job.Status.RUNNING
        )  # it may have been the database that was away: it gets its time
        GenerationRun.objects.update(missed_at=long_ago + timedelta(seconds=1))
        sweep()
        queued.refresh_from_db()
        assert (queued.status, queued.worker) == (Job.Status.QUEUED, "")
        assert waiting_messages("gpu") == 1

    def test_leaves_a_job_that_lives_alone(self, queued):
        life.claim(GenerationRun, queued.pk, now=timezone.now())
        sweep()
        queued.refresh_from_db()
        assert queued.status == Job.Status.RUNNING
