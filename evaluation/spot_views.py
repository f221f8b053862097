"""Spot checks in the browser: a sample of held-out prompts, one of them with its answers side by side, and notes."""

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from annotation.models import Prompt, load_earlier
from core.access import ADMIN, EXPERT, LEAD, form_only, project_view
from core.errors import DomainError
from core.forms import TextField
from core.http import redirect
from core.limits import LONGEST_REMARK, whole_number
from evaluation.spot_checks import (
    DRAWN,
    LARGEST_CHANGE,
    answers_to,
    draw_sample,
    require_no_open_comparison,
    tags_of,
    write_note,
)


class NoteForm(forms.Form):
    text = TextField(label=_("Note"), rows=4, max_length=LONGEST_REMARK)


@require_safe
@project_view(LEAD, ADMIN)
def spot_checks(request, project):
    """A sample of held-out prompts: drawn by a seed, of a tag, or those that changed most."""
    require_no_open_comparison(project, _judges(request))
    seed = whole_number(request.GET.get("seed", "1"))
    if seed is None:
        raise BadRequest("A seed is a whole number.")
    order = LARGEST_CHANGE if request.GET.get("order") == LARGEST_CHANGE else DRAWN
    tag = request.GET.get("tag", "")
    context = {
        "sample": draw_sample(project, seed=seed, tag=tag, order=order),
        "seed": seed,
        "next_seed": seed + 1,
        "tag": tag,
        "tags": tags_of(project),
        "by_change": order == LARGEST_CHANGE,
    }
    return render(request, "evaluation/spot_checks.html", context)


@require_safe
@project_view(LEAD, ADMIN)
def spot_check(request, project, pk):
    """One held-out prompt with what each version answered."""
    return _page(request, project, _prompt(project, pk))


@form_only
@project_view(LEAD, ADMIN)
def note(request, project, pk):
    prompt, form = _prompt(project, pk), NoteForm(request.POST)
    if form.is_valid():
        try:
            write_note(
                project=project,
                prompt=prompt,
                text=form.cleaned_data["text"],
                by=request.user,
                now=timezone.now(),
            )
        except DomainError as error:
            form.add_error("text", str(error))
        else:
            messages.success(request, gettext("The note is kept."))
            return redirect(request, reverse("evaluation:spot-check", args=[project.slug, prompt.pk]))
    return _page(request, project, prompt, form=form, status=422)


def _prompt(project, pk):
    return get_object_or_404(project.prompts.filter(split=Prompt.Split.HELD_OUT), pk=pk)


def _judges(request):
    return request.roles & {EXPERT, LEAD}


def _page(request, project, prompt, *, form=None, status=200):
    require_no_open_comparison(project, _judges(request))
    load_earlier([prompt])
    context = {
        "prompt": prompt,
        "answers": answers_to(project, prompt),
        "notes": prompt.spot_notes.select_related("author").order_by("-pk"),
        "form": form or NoteForm(),
    }
    return render(request, "evaluation/spot_check.html", context, status=status)
