"""Pages that take a file of prompts or responses, or give one of records."""

from itertools import islice

from django.contrib import messages
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from annotation.importing import import_prompts, import_responses, preview_prompts
from annotation.prompt_list import prompt_list
from annotation.responses import open_rating, prompts_without_response
from core.access import ADMIN, form_only, project_view
from core.errors import InvalidInput
from core.http import redirect, render_page_or_fragment
from core.models import Stage
from exchange.forms import PromptFileForm, ResponseFileForm
from exchange.reading import read_rows
from exchange.records import lines


@form_only
@project_view(ADMIN)
def import_prompt_file(request, project):
    """Import the file, or with `check` only say what it would bring. All faults come back at once."""
    form = PromptFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _prompts_page(request, project, form=form, status=422)
    file = form.cleaned_data["file"]
    try:
        rows = read_rows(file, file.name)
        if "check" in request.POST:
            preview = preview_prompts(project=project, rows=rows)
            return _prompts_page(request, project, form=form, preview=preview, file_name=file.name)
        report = import_prompts(project=project, rows=rows, by=request.user, now=timezone.now())
    except InvalidInput as error:
        return _prompts_page(request, project, form=form, error=error, file_name=file.name, status=422)
    messages.success(request, f"{report.total} prompts imported.")
    _tell(request, report)
    return redirect(request, reverse("annotation:prompts", args=[project.slug]))


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(ADMIN)
def import_response_file(request, project, stage_key):
    """Bring a stage's responses in a file instead of generating them; the last one opens the rating."""
    stage = get_object_or_404(project.stages.select_related("policy__rubric", "model_version").at(stage_key))
    form = ResponseFileForm(request.POST or None, request.FILES or None)
    error = None
    if request.method == "POST" and form.is_valid():
        file, now = form.cleaned_data["file"], timezone.now()
        try:
            rows = read_rows(file, file.name)
            report = import_responses(stage=stage, rows=rows, by=request.user, now=now)
        except InvalidInput as fault:
            error = fault
        else:
            _tell(request, report)
            missing = prompts_without_response(stage).count()
            if missing:
                messages.warning(
                    request, f"{report.total} responses imported. {missing} prompts have none yet."
                )
            else:
                open_rating(stage=stage, by=request.user, now=now)
                messages.success(request, f"{report.total} responses imported. The stage is open for rating.")
            return redirect(request, reverse("stage-detail", args=[project.slug, stage.key]))
    context = {
        "project": project,
        "stage": stage,
        "form": form,
        "error": error,
        "missing": prompts_without_response(stage).count(),
        "is_responding": stage.status == Stage.Status.RESPONDING,
    }
    status = 422 if error or form.errors else 200
    return render_page_or_fragment(
        request,
        "exchange/import_responses.html",
        "exchange/_import_responses.html",
        context,
        status=status,
    )


@require_GET
@project_view(ADMIN)
def export(request, project):
    """Responses with a final label, as JSON lines. Others are never in it: experts may be at them."""
    key = request.GET.get("stage", "")
    stage = get_object_or_404(project.stages.at(key)) if key else None
    name = f"{project.slug}{f'-stage-{stage.key}' if stage else ''}.jsonl"
    return StreamingHttpResponse(
        _blocks(lines(project, stage=stage)),
        content_type="application/x-ndjson; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _tell(request, report):
    for note in report.notes:
        messages.info(request, note)


def _blocks(lines):
    """Lines by the hundred: each piece of a stream is sent on its own."""
    while block := "".join(islice(lines, 100)):
        yield block


def _prompts_page(request, project, *, form, preview=None, error=None, file_name="", status=200):
    context = {"form": form, "preview": preview, "error": error, "file_name": file_name}
    return render_page_or_fragment(
        request,
        "annotation/prompts.html",
        "exchange/_import_prompts.html",
        prompt_list(project) | context,
        status=status,
    )
