"""One attempt at a job whose work a child process does: claim, run directory, supervision, and every way it ends.

Generation and training differ in what they write and read; the life around it is the same and stands here.
"""

import json
import logging
import threading
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawValue

from django.conf import settings
from django.db import connection, transaction

from core.errors import DomainError
from core.transitions import StatusConflict
from jobs import life
from jobs.models import Job
from jobs.nudge import nudge
from jobs.supervisor import kill_leftover, supervise

logger = logging.getLogger(__name__)

MOST_FRUITLESS = 3
"""Attempts in a row that may end without any progress; then a person has to look."""
LOG_LINES = 40
CHECK_SECONDS = 1.0
"""How often a job says that it lives, and looks whether it should stop."""

# Shared with the processes a worker forks, so that each learns of a shutdown the main process is asked for.
_stopping = RawValue("b", 0)


def stop_soon():
    """From now on every attempt of this worker saves what it has and gives its job back."""
    _stopping.value = 1


def worker_is_stopping():
    return bool(_stopping.value)


class Refused(Exception):
    """The job cannot go on; the message says what a person can do about it."""


class NotFinished(Exception):
    """A child ended without success; carries its Outcome."""

    def __init__(self, outcome):
        super().__init__(outcome.message)
        self.outcome = outcome


class Attempt:
    """This worker's hold on one job. Every write to the row goes through `jobs.life` under its number."""

    def __init__(self, job, *, task, clock, stopping):
        self.job, self.task, self.clock, self.stopping = job, task, clock, stopping
        self.cancel_asked = False
        self.run_dir = run_dir_of(job)

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
            self.end(
                Job.Status.FAILED,
                f"{MOST_FRUITLESS} attempts in a row ended without getting any further. The usual cause is too "
                "little memory: free some or choose a smaller batch, then resume.",
            )
            return False
        self.write(fruitless=self.job.fruitless + 1)
        return True

    def beat(self):
        """Say that we live. Raises core.life.LostJob once the job is another's."""
        self.cancel_asked = life.beat(self.job, now=self.clock())

    def should_stop(self):
        return self.cancel_asked or self.stopping()

    def progressed(self):
        """Something was gained that outlasts this attempt."""
        if self.job.fruitless:
            self.write(fruitless=0)

    def write(self, **fields):
        """Write fields of the row while it is ours. Raises core.life.LostJob."""
        mine = type(self.job).objects.filter(
            pk=self.job.pk, status=Job.Status.RUNNING, attempt=self.job.attempt
        )
        if mine.update(**fields) != 1:
            raise life.LostJob(f"{self.job}, attempt {self.job.attempt}")
        for name, value in fields.items():
            setattr(self.job, name, value)

    def run_child(self, command, run_dir=None, *, on_event=None, hub=False):
        """Supervise a child to success; raises NotFinished for every other end."""
        outcome = supervise(
            command,
            run_dir or self.run_dir,
            on_event=on_event,
            heartbeat=self.beat,
            should_cancel=self.should_stop,
            check_every=CHECK_SECONDS,
            hub=hub,
        )
        if outcome.status != "succeeded":
            raise NotFinished(outcome)

    def end(self, status, reason=""):
        """Close the attempt; a bad end keeps the end of the child's output."""
        with transaction.atomic():
            if status in (Job.Status.FAILED, Job.Status.ERRORED):
                self.write(log_tail=log_tail(self.run_dir))
            life.end(self.job, status, now=self.clock(), reason=reason)

    def give_back(self, reason):
        """Put the job back into the queue, and say so to the workers."""
        try:
            life.give_back(self.job, now=self.clock(), reason=reason)
        except StatusConflict:
            raise life.LostJob(f"{self.job}, attempt {self.job.attempt}") from None
        nudge(self.task, pk=self.job.pk)


def carry_out(model, *, pk, work, task, clock, stopping):
    """Claim the job and see it to an end. `work(attempt)` does what the job is for and ends it as SUCCEEDED.

    It may raise Refused, NotFinished or a DomainError: the row tells the reason. Where another worker took the
    job over, nothing more is written. Any other exception closes the row as ERRORED and goes on to the log.
    Does nothing for a job that is not queued, so a message delivered twice is harmless. `task` names the
    task that does this, to be sent again when the job goes back to the queue.
    """
    job = life.claim(model, pk, now=clock())
    if job is None:
        return
    attempt = Attempt(job, task=task, clock=clock, stopping=stopping)
    try:
        _see_to_an_end(attempt, work)
    except life.LostJob as lost:
        logger.warning("No longer ours, left to its new owner: %s", lost)


def _see_to_an_end(attempt, work):
    try:
        if attempt.begin():
            work(attempt)
    except life.LostJob:
        raise
    except NotFinished as ending:
        conclude(attempt, ending.outcome)
    except (Refused, DomainError) as refusal:
        attempt.end(Job.Status.FAILED, sentence(refusal))
    except Exception as surprise:
        attempt.end(Job.Status.ERRORED, f"{type(surprise).__name__}: {surprise}")
        raise


def conclude(attempt, outcome):
    """Bring the row where the child's end says: canceled, back to the queue, failed or errored."""
    if outcome.status == "cancelled" and attempt.cancel_asked:
        attempt.end(Job.Status.CANCELED)
    elif outcome.status == "cancelled":
        # Our own worker is leaving: nothing went wrong, so the attempt does not count against the job.
        attempt.progressed()
        attempt.give_back("Its worker was asked to stop; the next one goes on from what was saved.")
    elif outcome.resumable and attempt.job.fruitless < MOST_FRUITLESS:
        attempt.give_back(outcome.message)
    elif outcome.status == "errored":
        attempt.end(Job.Status.ERRORED, outcome.message)
    else:
        attempt.end(Job.Status.FAILED, outcome.message)


def sentence(error):
    """An error's message with the single faults it lists."""
    return " ".join([str(error), *getattr(error, "errors", [])])


class Tail:
    """Reads the rows that a child has added to a JSON-lines file since the last look; a torn line waits."""

    def __init__(self, path):
        self.path, self.offset = path, 0

    def new_rows(self):
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self.offset += len(whole) + len(newline)
        return [json.loads(line) for line in whole.splitlines() if line]


def run_dir_of(job):
    """The job's directory. Its name tells it from that of a job of an earlier database with the same key."""
    kind = type(job)._meta.model_name.removesuffix("run")
    return settings.RUNS_DIR / f"{kind}-{job.pk}-{job.created_at:%Y%m%d%H%M%S%f}"


def log_tail(run_dir, lines=LOG_LINES):
    """The last lines of what the child that ran last said."""
    logs = [path for path in (run_dir / "stdout.log", run_dir / "prepare" / "stdout.log") if path.exists()]
    if not logs:
        return ""
    path = max(logs, key=lambda log: log.stat().st_mtime)
    with open(path, "rb") as log:
        log.seek(max(0, path.stat().st_size - 16_384))
        text = log.read().decode(errors="replace").replace("\0", "")
    # A progress bar writes over its own line: what it said last stands.
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in text.strip().split("\n")]
    return "\n".join(shown[-lines:])


@contextmanager
def kept_alive(attempt):
    """Go on saying that the job lives while a single step takes its time, such as an upload."""
    done = threading.Event()
    every = settings.JOB_LOST_SECONDS / 4

    def keep_beating():
        try:
            while not done.wait(every):
                attempt.beat()
        except life.LostJob:
            logger.warning("%s was lost during a long step.", attempt.job)
        finally:
            connection.close()

    thread = threading.Thread(target=keep_beating, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
