"""What the jobs of a deleted project leave behind: their directories and their attempts."""

import shutil

from jobs.models import JobAttempt
from jobs.queries import jobs_of
from jobs.run_dir import run_dir_of


def clear(project):
    """Remove them; what is gone already is passed over."""
    for job in jobs_of(project):
        shutil.rmtree(run_dir_of(job), ignore_errors=True)
        JobAttempt.objects.filter(job_type=job._meta.model_name, job_id=job.pk).delete()
