"""Pages that take a file of prompts or responses, or give one of records."""

from itertools import islice

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from annotation.prompt_list import prompt_list
from annotation.responses import prompts_without_response
from core.access import ADMIN, form_only, project_view
from core.errors import InvalidInput
from core.http import flash, redirect, reload_page
from core.models import Stage
from exchange.forms import ColumnsForm, PromptFileForm, ResponseFileForm
from exchange.models import FileImport
from exchange.preference_records import preference_lines
from exchange.records import lines
from exchange.uploads import FIELDS, choose_columns, discard_upload, take_upload, write_import
from jobs import life
from jobs.queries import attempts_of


@form_only
@project_view(ADMIN)
def import_prompt_file(request, project):
    """Take a file of prompts; it is checked, and what it would bring shown, before anything of it is written."""
    form = PromptFileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            upload = take_upload(
                project=project,
                kind=FileImport.Kind.PROMPTS,
                file=form.cleaned_data["file"],
                by=request.user,
                now=timezone.now(),
            )
            return _go_on(request, upload)
        except InvalidInput as error:
            form.add_error("file", str(error))
    return render(request, "annotation/prompts.html", prompt_list(project) | {"form": form}, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(ADMIN)
def import_response_file(request, project, stage_key):
    """Bring a stage's responses in a file instead of generating them; the last one opens the rating."""
    stage = get_object_or_404(project.stages.select_related("policy__rubric", "model_version").at(stage_key))
    form = ResponseFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            upload = take_upload(
                project=project,
                stage=stage,
                kind=FileImport.Kind.RESPONSES,
                file=form.cleaned_data["file"],
                by=request.user,
                now=timezone.now(),
            )
            return _go_on(request, upload)
        except InvalidInput as error:
            form.add_error("file", str(error))
    context = {
        "project": project,
        "stage": stage,
        "form": form,
        "missing": prompts_without_response(stage).count(),
        "is_responding": stage.status == Stage.Status.RESPONDING,
    }
    status = 422 if form.errors else 200
    return render(request, "exchange/import_responses.html", context, status=status)


@require_GET
@project_view(ADMIN)
def import_page(request, project, pk):
    """An uploaded file: how far it was read, what it would bring or what is wrong with it, and what can be done."""
    upload = _upload(project, pk)
    polling = "polling" in request.GET
    if polling and not upload.is_active:
        return reload_page()
    return _import_page(request, upload)


@form_only
@project_view(ADMIN)
def import_columns(request, project, pk):
    """Check the file anew, its columns read as chosen."""
    upload = _upload(project, pk)
    form = ColumnsForm(upload, FIELDS[upload.kind], request.POST)
    if not form.is_valid():
        return _import_page(request, upload, form=form, status=422)
    upload = choose_columns(upload=upload, columns=form.chosen(), by=request.user, now=timezone.now())
    return _go_on(request, upload)


@form_only
@project_view(ADMIN)
def import_write(request, project, pk):
    """Write what the check of the file found."""
    upload = write_import(upload=_upload(project, pk), by=request.user, now=timezone.now())
    return _go_on(request, upload)


@form_only
@project_view(ADMIN)
def import_cancel(request, project, pk):
    """Stop reading or writing a file; what is written stays."""
    upload = life.request_cancel(_upload(project, pk), by=request.user, now=timezone.now())
    return redirect(request, _address(upload))


@form_only
@project_view(ADMIN)
def import_resume(request, project, pk):
    """Go on with a file whose reading ended badly or was canceled."""
    upload = life.resume(_upload(project, pk), by=request.user, now=timezone.now())
    return redirect(request, _address(upload))


@form_only
@project_view(ADMIN)
def import_discard(request, project, pk):
    """Remove a file that is not to be imported."""
    upload = discard_upload(upload=_upload(project, pk), by=request.user, now=timezone.now())
    flash(request, f"“{upload.name}” was removed.")
    return redirect(request, _door(upload))


def _upload(project, pk):
    uploads = FileImport.objects.select_related("project", "stage", "created_by")
    return get_object_or_404(uploads, pk=pk, project=project)


def _address(upload):
    return reverse("annotation:import", args=[upload.project.slug, upload.pk])


def _door(upload):
    """The page through which the file came."""
    room = upload.project.slug
    if upload.stage is None:
        return reverse("annotation:prompts", args=[room])
    return reverse("annotation:import-responses", args=[room, upload.stage.key])


def _go_on(request, upload):
    """Where a file leads that was read at once or is being read: on, or to its faults."""
    if upload.is_done:
        flash(request, _said(upload))
        room = upload.project.slug
        stage = upload.stage and reverse("stage-detail", args=[room, upload.stage.key])
        return redirect(request, stage or _door(upload))
    if upload.status == upload.Status.SUCCEEDED and upload.found["fault_count"]:
        return _import_page(request, upload, status=422)
    return redirect(request, _address(upload))


def _said(upload):
    """What was imported, and what comes next, in a sentence or two."""
    said = f"{upload.written} {upload.get_kind_display().lower()} imported."
    if upload.stage is None:
        return said
    missing = prompts_without_response(upload.stage).count()
    return f"{said} {f'{missing} prompts have none yet.' if missing else 'The stage is open for rating.'}"


def _columns(upload, form):
    is_checked = upload.step == FileImport.Step.CHECK and upload.status == upload.Status.SUCCEEDED
    return (form or ColumnsForm(upload, FIELDS[upload.kind])) if is_checked and upload.file else None


def _import_page(request, upload, *, form=None, status=200):
    context = {
        "project": upload.project,
        "stage": upload.stage,
        "upload": upload,
        "attempts": attempts_of(upload),
        "said": upload.is_done and _said(upload),
        "columns": _columns(upload, form),
        "door": _door(upload),
    }
    if "polling" in request.GET:
        return render(request, "exchange/_import.html", context, status=status)
    return render(request, "exchange/import.html", context, status=status)


@require_GET
@project_view(ADMIN)
def export(request, project):
    """Responses with a final label, or preferences of final stages, as JSON lines. Others are never in it: experts may
    be at them."""
    key, kind = request.GET.get("stage", ""), request.GET.get("kind", "")
    stage = get_object_or_404(project.stages.at(key)) if key else None
    found = preference_lines if kind == "preferences" else lines
    what = f"{f'-stage-{stage.key}' if stage else ''}{'-preferences' if found is preference_lines else ''}"
    name = f"{project.slug}{what}.jsonl"
    return StreamingHttpResponse(
        _blocks(found(project, stage=stage)),
        content_type="application/x-ndjson; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _blocks(lines):
    """Lines by the hundred: each piece of a stream is sent on its own."""
    while block := "".join(islice(lines, 100)):
        yield block
