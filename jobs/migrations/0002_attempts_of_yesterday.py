"""The attempts of jobs that ran before they had rows of their own, as the audit trail knows them: all but the worker."""

from django.db import migrations

JOBS = ["generationrun", "trainingrun", "scoringrun"]


def tell_from_the_audit_trail(apps, schema_editor):
    JobAttempt = apps.get_model("jobs", "JobAttempt")
    events = (
        apps.get_model("core", "AuditEvent")
        .objects.filter(target_type__in=JOBS)
        .exclude(to_status="")
        .order_by("target_type", "target_id", "id")
    )
    job, number, running, found = None, 0, None, []
    for event in events.iterator():
        if job != (event.target_type, event.target_id):
            job, number, running = (event.target_type, event.target_id), 0, None
        if event.to_status == "running":
            number += 1
            running = JobAttempt(
                job_type=event.target_type, job_id=event.target_id, number=number, began_at=event.created_at
            )
            found.append(running)
        elif running is not None:
            running.ended_at, running.became = event.created_at, event.to_status
            if event.detail:
                running.reason_code, running.reason_params = "told", {"text": event.detail}
            running = None
    JobAttempt.objects.bulk_create(found, batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial"), ("core", "0001_initial")]
    operations = [migrations.RunPython(tell_from_the_audit_trail, migrations.RunPython.noop)]
