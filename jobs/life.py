"""A job's life, top to bottom: claimed, carried out by one attempt, ended or given back, swept, canceled, resumed.

The worker that wins the compare-and-set from QUEUED to RUNNING owns the job under a new `attempt`; a message
delivered twice loses the second time. Every later write names that attempt, so a worker that was taken for dead cannot
write over its successor. A child process does the work (supervisor.py); it ends by itself, or because somebody
canceled, or because the claim is lost, or with its worker, and never because the database or the broker is away
(outage.py).
"""

import logging
import os
import socket
from copy import copy

from django.db import connection, transaction

from core import audit
from core.errors import Conflict, DomainError
from core.transitions import StatusConflict, transition
from jobs import pulse
from jobs.failures import classify
from jobs.models import Job, JobAttempt
from jobs.nudge import nudge, queue_of
from jobs.outage import OUTAGE_SECONDS, Patience, kept_alive
from jobs.processes import kill_leftover
from jobs.reasons import NONE, Reason, as_fields, reason, told
from jobs.run_dir import log_tail, run_dir_of
from jobs.supervisor import NotNow, supervise

logger = logging.getLogger(__name__)

MOST_FRUITLESS = 3
"""Attempts in a row that may end without any progress; then a person has to look."""
CHECK_SECONDS = 1.0
"""How often a job says that it lives, and looks whether it should stop."""


class LostJob(Exception):
    """This worker no longer owns the job: stop, and write nothing more."""


class Refused(Exception):
    """The job cannot go on; the reason says what a person can do about it."""

    def __init__(self, code, /, **params):
        self.reason = Reason(code, params)
        super().__init__(str(self.reason))


class NotFinished(Exception):
    """A child ended without success; carries its Outcome."""

    def __init__(self, outcome):
        self.outcome = outcome
        super().__init__(str(outcome.reason))


# --- one attempt, from the claim to the end ------------------------------------------------------------------


def carry_out(model, *, pk, work, clock, stopping):
    """Claim the job and see it to an end. `work(attempt)` does what the job is for and ends it as SUCCEEDED.

    It may raise Refused, NotFinished or a DomainError: the row tells the reason. Any other exception closes the row
    as ERRORED and goes on to the log. Where the database goes away in the midst of it, `work` is called again once
    it is back, so it must go on from what it finds. Where another worker took the job over, nothing more is written.
    Does nothing for a job that is not queued, so a message delivered twice is harmless.
    """
    job = claim(model, pk, now=clock())
    if job is None:
        return
    attempt = Attempt(job, clock=clock, stopping=stopping)
    try:
        _see_to_an_end(attempt, work)
    except LostJob as lost:
        logger.warning("No longer ours, left to its new owner: %s", lost)
    except NotNow as away:
        logger.error("%s is left to the sweep: the database does not answer (%s).", attempt, away)


def claim(model, pk, *, now):
    """The job, now RUNNING and ours under a new attempt; None where there is nothing to do."""
    job = model.objects.filter(pk=pk, status=Job.Status.QUEUED).first()
    if job is None:
        return None
    worker = f"{socket.gethostname()}:{os.getpid()}"
    try:
        with transaction.atomic():
            transition(
                job,
                Job.Status.RUNNING,
                by=None,
                now=now,
                attempt=job.attempt + 1,
                worker=worker,
                heartbeat_at=now,
                missed_at=None,
                started_at=job.started_at or now,
                **as_fields(NONE),
            )
            JobAttempt.objects.create(**_named(job), worker=worker, began_at=now)
    except StatusConflict:
        return None
    logger.info("%s, attempt %d: taken by %s.", job, job.attempt, worker)
    return job


def _see_to_an_end(attempt, work):
    patiently = attempt.patience.until_done
    try:
        if patiently(attempt.begin, give_up=attempt.stopping):
            patiently(lambda: work(attempt), give_up=attempt.stopping)
    except (LostJob, NotNow):
        raise
    except NotFinished as ending:
        _conclude(attempt, ending.outcome)
    except Refused as refusal:
        attempt.end(Job.Status.FAILED, refusal.reason)
    except DomainError as refusal:
        attempt.end(Job.Status.FAILED, told(" ".join([str(refusal), *getattr(refusal, "errors", [])])))
    except Exception as error:
        failure = classify(error)
        attempt.end(Job.Status.ERRORED if failure.kind == "error" else Job.Status.FAILED, failure.reason)
        raise


def _conclude(attempt, outcome):
    """Bring the row where the child's end says: canceled, back to the queue, failed or errored."""
    if outcome.status == "cancelled" and attempt.cancel_asked:
        attempt.end(Job.Status.CANCELED)
    elif outcome.status == "cancelled":
        attempt.give_back(reason("worker_stopped"), counts=False)
    elif outcome.code == "interrupted":
        attempt.give_back(outcome.reason, counts=False)
    elif outcome.resumable and attempt.job.fruitless < MOST_FRUITLESS:
        attempt.give_back(outcome.reason)
    elif outcome.status == "errored":
        attempt.end(Job.Status.ERRORED, outcome.reason)
    else:
        attempt.end(Job.Status.FAILED, outcome.reason)


class Attempt:
    """This worker's hold on one job. Every write to the row names its number."""

    def __init__(self, job, *, clock, stopping):
        self.job, self.clock, self.stopping = job, clock, stopping
        self.patience = Patience()
        self.cancel_asked = False
        self.counted = False
        self.run_dir = run_dir_of(job)

    def __str__(self):
        return f"{self.job}, attempt {self.job.attempt}"

    @property
    def _mine(self):
        return type(self.job).objects.filter(
            pk=self.job.pk, status=Job.Status.RUNNING, attempt=self.job.attempt
        )

    def begin(self):
        """Take over the run directory. Returns whether there is work; a job that is not to go on is ended."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        if kill_leftover(self.run_dir):
            logger.warning("Ended the child that an earlier worker left for %s.", self.job)
        self.beat()
        if self.cancel_asked:
            self.end(Job.Status.CANCELED)
            return False
        if self.job.fruitless >= MOST_FRUITLESS:
            self.end(Job.Status.FAILED, reason("fruitless", attempts=MOST_FRUITLESS))
            return False
        if not self.counted:
            self.write(fruitless=self.job.fruitless + 1)
            self.counted = True
        return True

    def beat(self):
        """Say that we live. Raises LostJob once the job is another's.

        A worker that is stopping takes back at once that this attempt was counted as fruitless: it may be killed
        before it has saved.
        """
        pulse.show(queue_of(self.job.TASK))
        now = self.clock()
        excused = self._uncounted() if self.stopping() else {}
        if self._mine.update(heartbeat_at=now, **excused) != 1:
            self._take_back(now)
        elif excused:
            self._remember(excused)
        self.cancel_asked = self._mine.filter(cancel_requested_at__isnull=False).exists()

    def _take_back(self, now):
        """Win a job again that the sweep gave back while we could not be heard, and that nobody took meanwhile."""
        queued = type(self.job).objects.filter(status=Job.Status.QUEUED, attempt=self.job.attempt)
        job = queued.filter(pk=self.job.pk).first()
        if job is None:
            if self._mine.update(heartbeat_at=now) == 1:
                return  # our other thread was faster
            raise LostJob(str(self))
        try:
            with transaction.atomic():
                transition(
                    job,
                    Job.Status.RUNNING,
                    by=None,
                    now=now,
                    only_if={"attempt": job.attempt},
                    worker=self.job.worker,
                    heartbeat_at=now,
                    missed_at=None,
                    **as_fields(NONE),
                )
                _attempt_row(job).update(ended_at=None, became="", **as_fields(NONE))
        except StatusConflict:
            raise LostJob(str(self)) from None
        logger.warning("%s: taken back after a silence, nobody had gone on with it.", self)

    def should_stop(self):
        return self.cancel_asked or self.stopping()

    def progressed(self):
        """Something was gained that outlasts this attempt."""
        if self.job.fruitless:
            self.write(fruitless=0)
        self.counted = False

    def _uncounted(self):
        return {"fruitless": self.job.fruitless - 1} if self.counted and self.job.fruitless else {}

    def write(self, **fields):
        """Write fields of the row while it is ours. Raises LostJob."""
        if self._mine.update(**fields) != 1:
            self._take_back(self.clock())
            self._mine.update(**fields)
        self._remember(fields)

    def _remember(self, fields):
        for name, value in fields.items():
            setattr(self.job, name, value)
        if "fruitless" in fields:
            self.counted = False

    def run_child(self, command, run_dir=None, *, on_event=lambda event: None):
        """Supervise a child to success; raises NotFinished for every other end."""
        outcome = supervise(
            command, run_dir or self.run_dir, on_event=self.or_not_now(on_event), **self.supervision()
        )
        if outcome.status != "succeeded":
            raise NotFinished(outcome)

    def supervision(self):
        """What supervise() needs to know of this attempt."""
        return {
            "name": str(self.job),
            "heartbeat": self.or_not_now(self.beat),
            "should_cancel": self.should_stop,
            "check_every": CHECK_SECONDS,
            "patience": OUTAGE_SECONDS,
        }

    def or_not_now(self, do):
        """`do` as a function of supervise()'s, which is asked again where the database is away."""
        return lambda *arguments: self.patience.once(lambda: do(*arguments))

    def kept_alive(self):
        """`with attempt.kept_alive():` goes on saying that the job lives while a single step takes its time."""
        return kept_alive(self._is_alive)

    def _is_alive(self):
        try:
            self.beat()
        except LostJob as lost:
            logger.warning("Lost during a long step: %s", lost)
            return False
        return True

    def end(self, status, why=NONE):
        """Close the attempt with a terminal status; a bad end keeps the end of the child's output."""
        bad = status in (Job.Status.FAILED, Job.Status.ERRORED)
        more = {"log_tail": log_tail(self.run_dir)} if bad else {}
        self._leave(status, why, finished_at=self.clock(), **more)

    def give_back(self, why, *, counts=True):
        """Return the job to the queue, for the next worker to resume, and say so to the workers."""
        excused = {} if counts else self._uncounted()
        self._leave(Job.Status.QUEUED, why, worker="", heartbeat_at=None, **excused)
        nudge(self.job.TASK, pk=self.job.pk)

    def _leave(self, status, why, **fields):
        def leave():
            try:
                _let_go(self.job, status, why, now=self.clock(), **fields)
            except StatusConflict:
                self._take_back(self.clock())
                _let_go(self.job, status, why, now=self.clock(), **fields)

        if connection.in_atomic_block:
            leave()
        else:
            self.patience.until_done(leave, give_up=self.stopping)


def _let_go(job, status, why, *, now, **fields):
    """Move a running job on from its attempt, with the reason, and close the attempt's row. Raises StatusConflict."""
    with transaction.atomic():
        transition(
            copy(job),  # should the commit fail, `job` still is what it was, and this can be done again
            status,
            by=None,
            now=now,
            params={"reason": why.code, **why.params} if why else None,
            only_if={"attempt": job.attempt},
            **fields,
            **as_fields(why),
        )
        _attempt_row(job).update(ended_at=now, became=status, **as_fields(why))
    logger.info("%s, attempt %d: %s. %s", job, job.attempt, Job.Status(status).label, why)


def _named(job):
    return {"job_type": job._meta.model_name, "job_id": job.pk, "number": job.attempt}


def _attempt_row(job):
    return JobAttempt.objects.filter(**_named(job))


# --- what happens to a job from outside ----------------------------------------------------------------------


def requeue_lost(model, *, now, lost_after):
    """Requeue every running job that has been silent for about `lost_after` (a timedelta). Returns them.

    Silent means two things: the heartbeat is old, and it stayed so since an earlier sweep noticed, half the time
    each. After a database has been away every heartbeat is old, and whoever lives gets the time to say so.
    """
    half = lost_after / 2
    requeued = []
    for job in model.objects.filter(status=Job.Status.RUNNING, heartbeat_at__lt=now - half):
        if job.missed_at is None or job.missed_at < job.heartbeat_at:
            job.missed_at = now
            model.objects.filter(pk=job.pk, heartbeat_at=job.heartbeat_at).update(missed_at=now)
        if job.missed_at > now - half:
            continue
        try:
            _let_go(job, Job.Status.QUEUED, reason("worker_lost"), now=now, worker="", heartbeat_at=None)
        except StatusConflict:
            continue
        requeued.append(job)
    return requeued


def due(model):
    """Primary keys of the queued jobs, oldest first."""
    return list(model.objects.filter(status=Job.Status.QUEUED).order_by("id").values_list("pk", flat=True))


@transaction.atomic
def request_cancel(job, *, by, now):
    """Cancel a queued job at once; a running one saves what it has and stops soon. Twice is the same as once."""
    if job.status == Job.Status.QUEUED:
        try:
            return transition(job, Job.Status.CANCELED, by=by, now=now, finished_at=now)
        except StatusConflict:
            job.refresh_from_db()
    if job.status == Job.Status.RUNNING:
        asked = type(job).objects.filter(pk=job.pk, cancel_requested_at__isnull=True)
        if asked.update(cancel_requested_at=now):
            audit.record(f"{job._meta.model_name}:ask-to-cancel", job, by=by, now=now)
    return job


@transaction.atomic
def resume(job, *, by, now):
    """Queue a failed, errored or canceled job again; it goes on from what it had saved.

    Resuming twice is the same as once. Raises Conflict for a job that runs or has succeeded.
    """
    if job.status == Job.Status.QUEUED:
        return job
    if job.status not in Job.TERMINAL - {Job.Status.SUCCEEDED}:
        raise Conflict("There is nothing to resume: reload to see where it stands.")
    transition(
        job,
        Job.Status.QUEUED,
        by=by,
        now=now,
        finished_at=None,
        cancel_requested_at=None,
        fruitless=0,
        log_tail="",
        worker="",
        **as_fields(NONE),
    )
    nudge(job.TASK, pk=job.pk)
    return job
