"""The project's prompts: looking through them, correcting one, setting one aside; and opening a stage for responses
from elsewhere."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from annotation.leftover_forms import PromptForm, ReasonForm
from annotation.prompt_list import prompt_file, prompt_list
from annotation.prompts import correct_prompt
from annotation.setting_aside import bring_back_prompt, set_aside_prompt
from core.access import ADMIN, form_only, project_view
from core.errors import DomainError
from core.http import redirect
from core.stages import open_stage


@require_safe
@project_view(ADMIN)
def prompts(request, project):
    """Every prompt of the project, searched and filtered by split."""
    asked = request.GET
    context = prompt_list(
        project,
        words=asked.get("q", "").strip(),
        split=asked.get("split", ""),
        aside="aside" in asked,
        page=asked.get("page"),
    )
    return render(request, "annotation/prompts.html", context)


@form_only
@project_view(ADMIN)
def open_import_stage(request, project):
    """Open the project's next stage for responses that will be imported."""
    stage = open_stage(project=project, model_version=None, by=request.user, now=timezone.now())
    messages.success(request, f"{stage} is open: import its responses.")
    return redirect(request, reverse("annotation:import-responses", args=[project.slug, stage.number]))


@require_safe
@project_view(ADMIN)
def prompt_page(request, project, pk):
    """One prompt, what became of it in each stage, and what can be done about it."""
    return _render(request, _prompt(project, pk), ReasonForm())


@require_http_methods(["GET", "HEAD", "POST"])
@project_view(ADMIN)
def edit(request, project, pk):
    """Correct what a prompt says, as long as no model has answered it."""
    prompt, status = _prompt(project, pk), 200
    form = PromptForm(request.POST or None, prompt=prompt)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                correct_prompt(prompt=prompt, by=request.user, now=timezone.now(), **form.as_correction())
            except DomainError as error:
                status = error.status_code
                for told in getattr(error, "errors", []) or [str(error)]:
                    form.add_error(None, told)
            else:
                messages.success(request, "The prompt is corrected.")
                return redirect(request, _url(prompt))
    return render(request, "annotation/prompt_edit.html", {"prompt": prompt, "form": form}, status=status)


@form_only
@project_view(ADMIN)
def set_aside(request, project, pk):
    """Ask a prompt of no model any more."""
    prompt, form = _prompt(project, pk), ReasonForm(request.POST)
    if not form.is_valid():
        return _render(request, prompt, form, status=422)
    set_aside_prompt(prompt=prompt, reason=form.cleaned_data["reason"], by=request.user, now=timezone.now())
    messages.success(request, "The prompt is set aside, and its responses in stages that are open with it.")
    return redirect(request, _url(prompt))


@form_only
@project_view(ADMIN)
def bring_back(request, project, pk):
    """Ask a prompt again."""
    prompt = _prompt(project, pk)
    bring_back_prompt(prompt=prompt, by=request.user, now=timezone.now())
    messages.success(request, "The prompt is in use again.")
    return redirect(request, _url(prompt))


def _prompt(project, pk):
    prompts = project.prompts.select_related("project", "set_aside__set_by")
    return get_object_or_404(prompts, pk=pk)


def _url(prompt):
    return reverse("annotation:prompt", args=[prompt.project.slug, prompt.pk])


def _render(request, prompt, form, status=200):
    return render(request, "annotation/prompt.html", {**prompt_file(prompt), "form": form}, status=status)
