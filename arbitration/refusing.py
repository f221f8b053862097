"""What is said to a lead whose form came too late."""

from django.shortcuts import render


def lead_on(request, project, error):
    """The page for what came too late, with what to do instead."""
    context = {"project": project, "message": str(error), "error": error}
    return render(request, "arbitration/too_late.html", context, status=error.status_code)
