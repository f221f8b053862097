"""The expert's desk: what is before them now, a response or two side by side, as a page or the fragment of one."""

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from annotation.forms import RatingForm
from annotation.looking import look_into
from annotation.models import PairDraft, PairSlot
from annotation.next_work import next_work
from annotation.pair_forms import PreferenceForm
from annotation.pairs import laid_out
from annotation.progress import own_progress
from core.addresses import encipher
from core.http import render_page_or_fragment
from core.limits import whole_number
from core.models import Stage
from core.policies import whole


def progress_of(request):
    """How far the expert has come, counted now."""
    return own_progress(project=request.project, expert=request.user, now=timezone.now())


def guidelines_shown(request):
    """The version of the guidelines that stands on the page from which a form came; None where it says none."""
    return whole_number(request.POST.get("guidelines", ""))


def onward(request, project, progress, stage=None, news=""):
    """After a form: what is next to htmx, the way there to a plain form."""
    if request.htmx:
        return render_next(request, project, progress, stage, news=news)
    if news:
        messages.success(request, news)
    return redirect("annotation:rate", slug=project.slug)


def render_next(request, project, progress, stage=None, news=""):
    """What is next; `stage` where one is at hand: nothing is asked for if it alone is open."""
    now = timezone.now()
    stages = [stage] if stage and stage.is_alone else project.stages.in_rating()
    slot = next_work(stages=stages, expert=request.user, now=now)
    if isinstance(slot, PairSlot):
        return render_pair(request, slot, progress, news=news)
    if slot is not None:
        return render_response(request, slot, progress, news=news)
    is_open = any(each.status == Stage.Status.RATING for each in stages)
    context = {
        "project": project,
        "stage_open": is_open,
        "progress": progress if is_open else None,
        "news": news,
    }
    return render_page_or_fragment(request, "annotation/rate.html", "annotation/_rate.html", context)


def render_response(request, slot, progress, form=None, news="", status=200):
    """A slot that the expert holds; `form` where it comes back to be mended, else their draft, else empty."""
    response = look_into(slot, request.user)
    kept = response.kept
    form = form or RatingForm(whole(slot.stage.policy), fields=kept.fields, seen=kept.version)
    context = _around(request, progress, news) | {
        "slot": slot,
        "prompt": response.prompt.text,
        "earlier": response.prompt.earlier,
        "response": response.text,
        "is_cut_off": response.is_cut_off,
        "asked": response.asked,
        "form": form,
        "kept": kept,
        "address": encipher("response", slot.response_id),
        "questions": form.questions(),
    }
    return render_page_or_fragment(
        request, "annotation/rate.html", "annotation/_rate.html", context, status=status
    )


def render_pair(request, slot, progress, form=None, news="", status=200):
    """A pair that the expert holds, as `render_response`."""
    prompt, left, right = laid_out(slot.pair, slot.stage, request.user)
    kept = PairDraft.objects.filter(pair=slot.pair_id, expert=request.user).first() or PairDraft()
    form = form or PreferenceForm(slot.stage, fields=kept.fields, seen=kept.version)
    context = _around(request, progress, news) | {
        "pair": slot,
        "prompt": prompt.text,
        "earlier": prompt.earlier,
        "left": left,
        "right": right,
        "form": form,
        "kept": kept,
    }
    return render_page_or_fragment(
        request, "annotation/rate.html", "annotation/_pair.html", context, status=status
    )


def _around(request, progress, news):
    shown = guidelines_shown(request)
    new_guidelines = shown is not None and shown != request.project.guidelines_version
    if new_guidelines:
        messages.info(request, gettext("The guidelines have changed: g shows them."))
    return {
        "project": request.project,
        "progress": progress,
        "news": news,
        "new_guidelines": new_guidelines,
    }
