"""The report's page, its figures and files, and the stage's coherence panel."""

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from core.access import ADMIN, LEAD, form_only, project_view
from core.http import redirect, render_page_or_fragment
from evaluation.endpoints import newest_registration
from evaluation.exports import as_csv, as_html
from evaluation.headline import headline_of
from evaluation.keeping import report_body, report_figures
from evaluation.stage_coherence import cancel_scoring, resume_scoring, stage_coherence
from evaluation.tables import groups_of, histogram_of, shown_blind, shown_comparisons
from evaluation.theme import themed

STILL_COMPUTING = "The report is being computed: it will be here in a moment."


@require_GET
@project_view(LEAD, ADMIN)
def report(request, project):
    body = report_body(project)
    context = {"report": body, "simulated": bool(body and body["simulated"])}
    if body is not None:
        final = [stage for stage in body["stages"] if stage["final"]]
        context |= {
            "groups": groups_of(body),
            "headline": headline_of(body),
            "final": final,
            "comparisons": shown_comparisons(body["comparisons"]),
            "blind": [blind | shown_blind(body, blind) for blind in reversed(body["blind"])],
            "registered": newest_registration(project),
        }
    return render_page_or_fragment(request, "evaluation/report.html", "evaluation/_report-body.html", context)


@require_GET
@project_view(LEAD, ADMIN)
def report_json(request, project):
    body = report_body(project)
    if body is None:
        return JsonResponse({"detail": STILL_COMPUTING}, status=503, headers={"Retry-After": "10"})
    return JsonResponse(body, json_dumps_params={"ensure_ascii": False, "indent": 2})


@require_GET
@project_view(LEAD, ADMIN)
def report_file(request, project, kind):
    """The report to take away, as one page or as a table."""
    body, figures = report_body(project), report_figures(project)
    if body is None or figures is None:
        return HttpResponse(STILL_COMPUTING, status=503, headers={"Retry-After": "10"})
    content = as_csv(body) if kind == "csv" else as_html(body, figures)
    name = f"{project.slug}-report.{kind}"
    return HttpResponse(
        content,
        content_type=f"text/{kind}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_GET
@project_view(LEAD, ADMIN)
def figure(request, project):
    figures = report_figures(project)
    body = report_body(project)
    context = {
        "waiting": figures is None,
        "histogram": histogram_of(body) if body else None,
        "simulated": bool(body and body["simulated"]),
        "figures": [each | {"inline": themed(each["svg"])} for each in figures or []],
    }
    return render_page_or_fragment(
        request, "evaluation/figures.html", "evaluation/_report-figures.html", context
    )


@require_GET
@project_view(LEAD, ADMIN)
def figure_file(request, project, key):
    svg = next((each["svg"] for each in report_figures(project) or [] if each["key"] == key), None)
    if not svg:
        raise Http404("The report has no such figure, or it could not be drawn.")
    name = f"{project.slug}-{key}.svg"
    return HttpResponse(
        svg, content_type="image/svg+xml", headers={"Content-Disposition": f'inline; filename="{name}"'}
    )


@require_GET
@project_view(LEAD, ADMIN)
def stage_panel(request, project, stage_key):
    return _panel(request, _stage(project, stage_key))


@form_only
@project_view(ADMIN)
def resume(request, project, stage_key):
    stage = _stage(project, stage_key)
    resume_scoring(stage=stage, by=request.user, now=timezone.now())
    return _back_to_panel(request, project, stage)


@form_only
@project_view(ADMIN)
def cancel(request, project, stage_key):
    stage = _stage(project, stage_key)
    cancel_scoring(stage=stage, by=request.user, now=timezone.now())
    return _back_to_panel(request, project, stage)


def _stage(project, stage_key):
    return get_object_or_404(project.stages.select_related("policy").at(stage_key))


def _panel(request, stage):
    context = {"coherence": stage_coherence(stage), "stage": stage}
    return render_page_or_fragment(
        request, "evaluation/stage_panel.html", "evaluation/_evaluation-panel.html", context
    )


def _back_to_panel(request, project, stage):
    if request.htmx:
        return _panel(request, stage)
    return redirect(request, reverse("stage-detail", args=[project.slug, stage.key]))
