"""Reads of uploaded files, for the pages."""

from django.db.models import Q

from exchange.models import FileImport
from jobs.models import Job

SHOWN = 3


def unfinished(project, stage=None):
    """The project's uploads that wait to be read or for a decision, the newest few: of prompts, or of a stage."""
    is_done = Q(step=FileImport.Step.WRITE, status=Job.Status.SUCCEEDED)
    return list(FileImport.objects.filter(~is_done, project=project, stage=stage).exclude(file="")[:SHOWN])
