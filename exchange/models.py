from django.core.files.storage import default_storage
from django.db import models
from django.db.models import Q

from jobs.models import Job


class FileImport(Job):
    """A file that somebody uploaded: read and checked first, then, once its person agreed, written.

    `kind` says what it brings, `stage` where its responses go. `file` is its name in the storage, empty once it was
    removed: when all is written, or as nobody wanted it. `columns` says which column is which field, where a person
    chose ({column: field, or "" to leave it out}). `found` is what the check saw, for the page (import_job.py). `read`
    counts the bytes of `size` that the present step has read, `written` the rows that are in the project.
    """

    TASK = "exchange.run_import"
    TRANSITIONS = Job.TRANSITIONS | {
        # What was checked goes on: with other columns, or to be written.
        Job.Status.SUCCEEDED: {Job.Status.QUEUED},
    }

    class Kind(models.TextChoices):
        PROMPTS = "prompts", "Prompts"
        RESPONSES = "responses", "Responses"

    class Step(models.TextChoices):
        CHECK = "check", "Checked"
        WRITE = "write", "Imported"

    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, related_name="file_imports")
    stage = models.ForeignKey(
        "core.Stage", null=True, blank=True, on_delete=models.PROTECT, related_name="file_imports"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    step = models.CharField(max_length=10, choices=Step.choices, default=Step.CHECK)
    file = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    columns = models.JSONField(default=dict, blank=True)
    found = models.JSONField(default=dict, blank=True)
    read = models.PositiveBigIntegerField(default=0)
    written = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        verbose_name = "import of a file"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["prompts", "responses"]), name="import_kind_known"),
            models.CheckConstraint(condition=Q(step__in=["check", "write"]), name="import_step_known"),
            models.CheckConstraint(
                condition=Q(kind="prompts", stage__isnull=True) | Q(kind="responses", stage__isnull=False),
                name="import_of_responses_has_stage",
            ),
        ]

    def __str__(self):
        return f"Import {self.pk}"

    @property
    def may_resume(self):
        return bool(self.file) and self.status != self.Status.SUCCEEDED and super().may_resume

    @property
    def may_be_written(self):
        """Whether it was checked, has no fault and brings something."""
        is_checked = self.step == self.Step.CHECK and self.status == self.Status.SUCCEEDED
        return bool(self.file) and is_checked and not self.found["fault_count"] and self.found["total"] > 0

    @property
    def is_done(self):
        return self.step == self.Step.WRITE and self.status == self.Status.SUCCEEDED

    def open(self):
        """The file, to be read from its beginning. Raises FileNotFoundError."""
        return default_storage.open(self.file, "rb")
