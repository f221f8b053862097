from django.conf import settings
from django.db import models
from django.utils.translation import gettext

from jobs.reasons import Reason


class Explained(models.Model):
    """A row with a reason: its code (reasons.py) and named scalars, told in the reader's language."""

    reason_code = models.CharField(max_length=60, blank=True, default="")
    reason_params = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True

    @property
    def reason(self):
        """Why it ended or waits, in words; empty where there is nothing to say."""
        return Reason(self.reason_code, self.reason_params).told(gettext)


class Job(Explained):
    """What every background job's row carries. The row is the queue; a message only says "look now".

    FAILED is an expected end with a reason that a person can act on; ERRORED is a surprise, with its
    traceback in the log. `attempt` is the fencing token: a worker whose attempt is not the row's has lost
    the job, and its writes are refused.

    `missed_at` is when the sweep first found the heartbeat old; only one that stays so loses its worker. `fruitless`
    counts the attempts in a row that began and brought nothing: it is raised when an attempt begins and set back when
    it gets on or is interrupted, so that a job which kills every worker it meets comes to an end. `log_tail` keeps the
    end of the child's output where it ended badly, for whoever looks from another host.

    `TASK` names the Celery task that carries the job out.
    """

    TASK = None

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        ERRORED = "errored", "Error"
        CANCELED = "canceled", "Canceled"

    COLOURS = {
        Status.QUEUED: "info",
        Status.RUNNING: "active",
        Status.SUCCEEDED: "good",
        Status.FAILED: "bad",
        Status.ERRORED: "bad",
        Status.CANCELED: "neutral",
    }
    TRANSITIONS = {
        # RUNNING -> QUEUED: the worker was lost or shut down; the next one resumes.
        Status.QUEUED: {Status.RUNNING, Status.CANCELED},
        Status.RUNNING: {
            Status.QUEUED,
            Status.SUCCEEDED,
            Status.FAILED,
            Status.ERRORED,
            Status.CANCELED,
        },
        # A person may resume what ended badly.
        Status.FAILED: {Status.QUEUED},
        Status.ERRORED: {Status.QUEUED},
        Status.CANCELED: {Status.QUEUED},
        Status.SUCCEEDED: set(),
    }
    ACTIVE = {Status.QUEUED, Status.RUNNING}
    TERMINAL = {Status.SUCCEEDED, Status.FAILED, Status.ERRORED, Status.CANCELED}

    status = models.CharField(max_length=20, choices=Status.choices, default=Status.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    missed_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    fruitless = models.PositiveSmallIntegerField(default=0)
    log_tail = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_active(self):
        return self.status in self.ACTIVE

    @property
    def may_resume(self):
        """Whether a person may put it back into the queue."""
        return self.Status.QUEUED in self.TRANSITIONS[self.status] and self.status in self.TERMINAL


class JobAttempt(Explained):
    """One worker's hold on a job, from its claim to its end: who, when, how it ended and why.

    `job_type` and `job_id` name the job as an audit event names its target. `became` is the status in which the
    attempt left the job (a job given back is queued again); empty while it runs.
    """

    job_type = models.CharField(max_length=60)
    job_id = models.BigIntegerField()
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=200, blank=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    became = models.CharField(max_length=20, choices=Job.Status.choices, blank=True, default="")

    class Meta:
        ordering = ["job_type", "job_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["job_type", "job_id", "number"], name="job_attempt_once")
        ]

    def __str__(self):
        return f"{self.job_type} {self.job_id}, attempt {self.number}"
