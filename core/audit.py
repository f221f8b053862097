"""Writing the audit trail."""

from core.models.audit import AuditEvent


def record(verb, target, *, by, now, from_status="", to_status="", detail="", project=None):
    """Write one event about `target`. Call it inside the transaction that makes it true."""
    return AuditEvent.objects.create(
        project=project or project_of(target),
        actor=by,
        verb=verb,
        target_type=target._meta.model_name,
        target_id=target.pk,
        from_status=from_status,
        to_status=to_status,
        detail=detail,
        created_at=now,
    )


def project_of(target):
    """The project a row belongs to: itself, its own, or its stage's or response's."""
    if target._meta.label == "core.Project":
        return target
    for step in ("project", "stage", "response", "run"):
        if hasattr(target, step):
            return project_of(getattr(target, step))
    return None
