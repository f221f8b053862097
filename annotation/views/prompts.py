"""The project's prompts: looking through them and bringing new ones."""

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from annotation.importing import import_prompts, preview_prompts, read_prompt_file
from annotation.models import Prompt
from core.access import ADMIN, project_view
from core.errors import InvalidInput
from core.http import redirect, render_page_or_fragment
from core.models import Stage
from core.stages import open_stage

PER_PAGE = 50


class FileForm(forms.Form):
    """One file, kept in the browser while its faults are mended."""

    file = forms.FileField(
        label="JSONL or CSV file",
        help_text="Fields: prompt; optional id, split (train, validation, held-out), tags, reference. UTF-8.",
        widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json,.csv,.tsv"}),
    )


@require_safe
@project_view(ADMIN)
def prompts(request, project):
    """Every prompt of the project, searched and filtered by split."""
    return _page(request, project, form=FileForm(prefix="prompts"))


@require_POST
@project_view(ADMIN)
def import_file(request, project):
    """Import the file, or with `check` only say what it would bring. All faults come back at once."""
    form = FileForm(request.POST, request.FILES, prefix="prompts")
    if not form.is_valid():
        return _page(request, project, form=form, status=422)
    file = form.cleaned_data["file"]
    try:
        rows = read_prompt_file(file, file.name)
        if "check" in request.POST:
            preview = preview_prompts(project=project, rows=rows)
            return _page(request, project, form=form, preview=preview, file_name=file.name)
        report = import_prompts(project=project, rows=rows, by=request.user, now=timezone.now())
    except InvalidInput as error:
        return _page(request, project, form=form, error=error, file_name=file.name, status=422)
    messages.success(request, f"{report.total} prompts imported.")
    return redirect(request, reverse("annotation:prompts", args=[project.slug]))


@require_POST
@project_view(ADMIN)
def open_import_stage(request, project):
    """Open the project's next stage for responses that will be imported."""
    stage = open_stage(project=project, model_version=None, by=request.user, now=timezone.now())
    messages.success(request, f"{stage} is open: import its responses.")
    return redirect(request, reverse("annotation:import-responses", args=[project.slug, stage.number]))


def _page(request, project, *, form, preview=None, error=None, file_name="", status=200):
    words, split = request.GET.get("q", "").strip(), request.GET.get("split", "")
    found = Prompt.objects.filter(project=project)
    splits = dict(found.order_by().values_list("split").annotate(count=Count("id")))
    if split in Prompt.Split.values:
        found = found.filter(split=split)
    if words:
        found = found.filter(Q(text__icontains=words) | Q(external_id__icontains=words) | Q(tags__name=words))
    found = found.distinct().prefetch_related("tags").order_by("position")
    newest = project.stages.order_by("-number").first()
    context = {
        "project": project,
        "form": form,
        "preview": preview,
        "error": error,
        "file_name": file_name,
        "page_obj": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "total": sum(splits.values()),
        "splits": [(each.value, each.label, splits.get(each.value, 0)) for each in Prompt.Split],
        "q": words,
        "split": split,
        "loop_begun": newest is not None,
        "may_open_stage": bool(splits) and (newest is None or newest.status == Stage.Status.LABELS_FINAL),
    }
    return render_page_or_fragment(
        request, "annotation/prompts.html", "annotation/_import_prompts.html", context, status=status
    )
