from django.conf import settings
from django.db import models


class Job(models.Model):
    """What every background job's row carries. The row is the queue; a message only says "look now".

    FAILED is an expected end with a reason that a person can act on; ERRORED is a surprise, with its
    traceback in the log. `attempt` is the fencing token: a worker whose attempt is not the row's has lost
    the job, and its writes are refused.
    """

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
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Why it failed, or what to do about it.")
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


class SupervisedJob(Job):
    """A job whose work is done by a child process over a run directory (training/trainer/README.md).

    `fruitless` counts the attempts in a row that began and brought nothing: it is raised when an attempt
    begins and set back when it gets on, so that a job which kills every worker it meets comes to an end.
    `log_tail` keeps the end of the child's output where it ended badly, for whoever looks from another host.
    """

    fruitless = models.PositiveSmallIntegerField(default=0)
    log_tail = models.TextField(blank=True)

    class Meta:
        abstract = True

    @property
    def may_resume(self):
        """Whether a person may put it back into the queue."""
        return self.Status.QUEUED in self.TRANSITIONS[self.status] and self.status in self.TERMINAL
