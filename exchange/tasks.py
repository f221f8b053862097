"""The task of uploaded files. `jobs.sweep` sends it as well."""

from celery import shared_task

from exchange.models import FileImport
from exchange.uploads import run_import as read_upload
from jobs.life import due
from jobs.models import Job
from jobs.nudge import nudge
from jobs.stopping import worker_is_stopping


@shared_task(name=FileImport.TASK)
def run_import(*, pk):
    """Do one queued import. One at a time: the sweeps are to have a process of these workers for themselves."""
    if worker_is_stopping() or FileImport.objects.filter(status=Job.Status.RUNNING).exists():
        return
    read_upload(pk=pk)
    for following in due(FileImport)[:1]:
        nudge(FileImport.TASK, pk=following)
