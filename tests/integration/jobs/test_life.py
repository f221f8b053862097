"""What a job's row, its attempts and its audit trail say of everything that can happen to it."""

import errno
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from core.models import AuditEvent
from jobs import life
from jobs.life import LostJob, NotFinished
from jobs.models import Job, JobAttempt
from jobs.outage import Patience
from jobs.queries import attempts_of
from jobs.reasons import reason
from jobs.supervisor import NotNow, Outcome
from tests.factories.jobs import claimed
from tests.factories.training import make_base_stage
from training.models import GenerationRun

pytestmark = pytest.mark.django_db(transaction=True)

SILENT = timedelta(seconds=40)


@pytest.fixture
def job():
    return make_base_stage(now=timezone.now()).generation_runs.get()


def carried_out(job, work, *, stopping=lambda: False):
    life.carry_out(GenerationRun, pk=job.pk, work=work, clock=timezone.now, stopping=stopping)
    job.refresh_from_db()
    return job


def ends(**outcome):
    """Work whose child ends like this."""

    def work(attempt):
        raise NotFinished(Outcome(**outcome))

    return work


KILLED = {
    "status": "interrupted",
    "code": "killed",
    "reason": reason("killed", signal="SIGKILL"),
    "resumable": True,
}


class TestAttempts:
    def test_tell_who_when_and_why_each_ended(self, job):
        carried_out(job, ends(**KILLED))
        carried_out(job, ends(status="failed", code="oom", reason=reason("out_of_memory", words="CUDA")))
        first, second = reversed(attempts_of(job))
        assert (first.number, first.became, first.reason) == (
            1,
            "queued",
            "The process was ended by SIGKILL.",
        )
        assert (second.number, second.became) == (2, "failed")
        assert second.reason.startswith("Memory ran out.") and "(CUDA)" in second.reason
        for attempt in (first, second):
            assert attempt.worker
            assert attempt.began_at <= attempt.ended_at
        assert (job.status, job.reason) == (Job.Status.FAILED, second.reason)

    def test_say_why_a_queued_job_waits_until_the_next_begins(self, job):
        carried_out(job, ends(**KILLED))
        assert (job.status, job.reason_code) == (Job.Status.QUEUED, "killed")
        attempt = claimed(job)
        job.refresh_from_db()
        assert (job.reason_code, attempt.job.attempt) == ("", 2)
        assert attempts_of(job)[0].ended_at is None

    def test_keep_a_surprise(self, job):
        def surprise(attempt):
            raise KeyError("x")

        with pytest.raises(KeyError):
            carried_out(job, surprise)
        job.refresh_from_db()
        assert (job.status, job.reason) == (Job.Status.ERRORED, "KeyError: 'x'")

    @pytest.mark.parametrize(
        ("error", "code"),
        [(OSError(errno.ENOSPC, "No space left on device"), "disk_full"), (MemoryError(), "out_of_memory")],
    )
    def test_say_what_to_do_where_the_machine_ran_out_of_something(self, job, error, code):
        def work(attempt):
            raise error

        with pytest.raises(type(error)):
            carried_out(job, work)
        job.refresh_from_db()
        assert (job.status, job.reason_code) == (Job.Status.FAILED, code)


class TestFruitless:
    def test_counts_what_ended_by_itself_and_brought_nothing(self, job):
        seen = []
        for _ in range(3):
            seen.append(carried_out(job, ends(**KILLED)).status)
        assert seen == [Job.Status.QUEUED, Job.Status.QUEUED, Job.Status.FAILED]
        assert "SIGKILL" in job.reason and "memory" not in job.reason.lower()

    @pytest.mark.parametrize("how", ["worker", "outside"])
    def test_never_counts_an_interruption(self, job, how):
        outcome = (
            {"status": "cancelled", "resumable": True}
            if how == "worker"
            else {"status": "interrupted", "code": "interrupted", "resumable": True}
        )
        for _ in range(5):
            carried_out(job, ends(**outcome))
            assert (job.status, job.fruitless) == (Job.Status.QUEUED, 0)

    def test_is_taken_back_before_a_stopping_worker_has_saved(self, job):
        """It may be killed before it has, by a second Ctrl-C."""
        stopping = []
        attempt = claimed(job, stopping=lambda: bool(stopping))
        attempt.begin()
        job.refresh_from_db()
        assert job.fruitless == 1
        stopping.append(True)
        attempt.beat()
        job.refresh_from_db()
        assert job.fruitless == 0
        attempt.beat()
        job.refresh_from_db()
        assert job.fruitless == 0


class TestRequeueLost:
    def sweep(self, now):
        return life.requeue_lost(GenerationRun, now=now, lost_after=SILENT)

    def test_gives_a_silent_worker_the_time_to_be_heard_after_an_outage(self, job):
        attempt = claimed(job)
        later = timezone.now() + timedelta(minutes=10)
        assert self.sweep(later) == []  # everybody is silent: it was the database that was away
        attempt.clock = lambda: later + timedelta(seconds=5)
        attempt.beat()
        assert self.sweep(later + timedelta(seconds=24)) == []
        job.refresh_from_db()
        assert (job.status, job.attempt) == (Job.Status.RUNNING, 1)

    def test_requeues_who_stays_silent_and_says_so(self, job):
        claimed(job)
        later = timezone.now() + timedelta(minutes=10)
        self.sweep(later)
        assert self.sweep(later + timedelta(seconds=19)) == []
        assert self.sweep(later + timedelta(seconds=21)) == [job]
        job.refresh_from_db()
        assert (job.status, job.reason_code, job.worker) == (Job.Status.QUEUED, "worker_lost", "")
        assert attempts_of(job)[0].reason == job.reason != ""


class TestTakingBack:
    def lose(self, job):
        later = timezone.now() + timedelta(minutes=10)
        for seconds in (0, 30):
            life.requeue_lost(GenerationRun, now=later + timedelta(seconds=seconds), lost_after=SILENT)

    def test_wins_a_job_again_that_nobody_took_meanwhile(self, job):
        attempt = claimed(job)
        self.lose(job)
        attempt.beat()
        job.refresh_from_db()
        assert (job.status, job.attempt, job.reason) == (Job.Status.RUNNING, 1, "")
        assert attempts_of(job).get().ended_at is None
        moves = AuditEvent.objects.filter(target_type="generationrun", target_id=job.pk)
        assert [move.to_status for move in moves][-3:] == ["running", "queued", "running"]

    def test_comes_before_whatever_it_writes_next(self, job):
        attempt = claimed(job)
        self.lose(job)
        attempt.write(log_tail="a line")
        self.lose(job)
        attempt.end(Job.Status.SUCCEEDED)
        job.refresh_from_db()
        assert (job.status, job.attempt, job.log_tail) == (Job.Status.SUCCEEDED, 1, "a line")
        assert attempts_of(job).get().became == "succeeded"

    def test_loses_to_who_took_it(self, job):
        attempt = claimed(job)
        self.lose(job)
        job.refresh_from_db()
        other = claimed(job)
        for write in (
            attempt.beat,
            lambda: attempt.write(log_tail="x"),
            lambda: attempt.end(Job.Status.FAILED),
        ):
            with pytest.raises(LostJob):
                write()
        other.beat()
        job.refresh_from_db()
        assert (job.status, job.log_tail) == (Job.Status.RUNNING, "")
        assert JobAttempt.objects.count() == 2

    def test_loses_to_who_canceled_it(self, job):
        attempt = claimed(job)
        self.lose(job)
        job.refresh_from_db()
        life.request_cancel(job, by=None, now=timezone.now())
        with pytest.raises(LostJob):
            attempt.beat()


@pytest.mark.teams
class TestALostConnection:
    def cut(self):
        """End this process' connection from the server's side."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        other = connections.create_connection("default")
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        other.close()

    def test_is_told_apart_and_opened_again(self, job):
        attempt = claimed(job)
        beat = attempt.or_not_now(attempt.beat)
        self.cut()
        with pytest.raises(NotNow):
            beat()
        beat()

    def test_begins_the_work_anew_where_it_stood(self, job):
        seen = []

        def work(attempt):
            seen.append(attempt.job.attempt)
            if len(seen) == 1:
                self.cut()
            attempt.progressed()
            attempt.end(Job.Status.SUCCEEDED)

        carried_out(job, work)
        assert (job.status, job.attempt, seen) == (Job.Status.SUCCEEDED, 1, [1, 1])


class TestPatience:
    def test_raises_what_a_database_that_answers_keeps_refusing(self):
        patience = Patience()

        def refused():
            raise OperationalError("database is locked")

        for _ in range(2):
            with pytest.raises(NotNow):
                patience.once(refused)
        with pytest.raises(OperationalError, match="locked"):
            patience.once(refused)
