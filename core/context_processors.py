"""What the frame around every page needs to know. No queries: `project_view` has already asked."""

# App → workplace whose tab is lit. The shell knows the other apps' rooms by name only.
WORKPLACE_OF_APP = {
    "annotation": "rate",
    "arbitration": "arbitrate",
    "training": "stages",
    "evaluation": "report",
}
WORKPLACE_OF_VIEW = {
    "project-detail": "stages",
    "stage-detail": "stages",
    "arbitration:finalize": "stages",
    "project-setup": "setup",
    "setup-guidelines": "setup",
    "setup-people": "setup",
    "training:base-model": "setup",
    "project-itself": "setup",
    "project-audit": "setup",
    "annotation:prompts": "setup",
    "annotation:import-prompts": "setup",
    "annotation:prompt": "setup",
    "annotation:edit-prompt": "setup",
    "annotation:left": "stages",
    "annotation:responses": "stages",
    "annotation:response": "stages",
    "annotation:stage-panel": "stages",
    "annotation:stage-agreement": "stages",
    "evaluation:side-by-side": "stages",
}


def shell(request):
    """`project`, `roles` and the lit `workplace` of a page made by `core.access.project_view`."""
    match = request.resolver_match
    return {
        "project": getattr(request, "project", None),
        "roles": getattr(request, "roles", frozenset()),
        "workplace": match
        and (WORKPLACE_OF_VIEW.get(match.view_name) or WORKPLACE_OF_APP.get(match.app_name, "")),
    }
