"""The lead's workplace: the queue, a case, one's decisions, revised responses."""

import uuid

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from annotation.answer_fields import SCORE, faults_by_field, label_fields, told
from annotation.answers import InvalidAnswers, with_answers
from annotation.models import Involvement, Response
from annotation.prompt_list import MOST_FOUND
from arbitration import forms
from arbitration.casefile import open_file
from arbitration.cases import (
    claim_case,
    claim_next_case,
    exclude_response,
    held_by,
    release_case,
    resolve_case,
)
from arbitration.diff import word_diff
from arbitration.history import folded, history_of
from arbitration.models import AcceptedRevision, Case, Decision
from arbitration.queue import FILTERS, ORDERS, as_shown, count_by_reason, not_theirs, open_to, queue
from arbitration.refusing import lead_on
from arbitration.reopening import ask_one_more, reopen_decision, return_case
from core.access import ADMIN, EXPERT, LEAD, form_only, project_view
from core.errors import Conflict, DomainError
from core.http import flash, redirect
from core.models import Stage
from core.policies import whole
from core.texts import tidy

QUEUE_PAGE, DECISIONS_PAGE = 50, 50


@require_GET
@project_view(LEAD)
def queue_page(request, project):
    """Every divergent response the lead may take, those that matter most first."""
    stages = project.stages.in_rating()
    if not stages:
        return render(request, "arbitration/queue.html", {"is_open": False, "tab": "queue"})
    now, lead = timezone.now(), request.user
    reason = request.GET.get("reason") if request.GET.get("reason") in FILTERS else None
    counts = count_by_reason(stages=stages, lead=lead, now=now)
    order = request.GET.get("order") if request.GET.get("order") in ORDERS else ""
    words = request.GET.get("q", "").replace("\x00", "").strip()
    waiting = queue(stages=stages, lead=lead, now=now, reason=reason, words=words, order=order)
    keys = waiting.values_list("pk", flat=True)
    paginator = Paginator(list(keys[:MOST_FOUND]) if words else keys, QUEUE_PAGE)
    if not words:
        paginator.count = counts.get(reason, 0)
    page = paginator.get_page(request.GET.get("page"))
    page.object_list = as_shown(page.object_list)
    context = {
        "is_open": True,
        "tab": "queue",
        "page_obj": page,
        "filters": [(key, label, counts.get(key, 0)) for key, label in FILTERS.items()],
        "reason": reason,
        "orders": [(key, name) for key, (name, _) in ORDERS.items()],
        "order": order,
        "q": words,
        "total": counts[None],
        "held": held_by(lead, stages=stages, now=now).select_related("response__prompt"),
        "not_theirs": not_theirs(stages=stages, lead=lead),
        "simulated": _is_simulated(project),
    }
    return render(request, "arbitration/queue.html", context)


@form_only
@project_view(LEAD)
def claim_next(request, project):
    """Take the first case of the queue and open it."""
    return _to_next_case(request, project)


@require_GET
@project_view(LEAD)
def waiting(request, project):
    """How much waits for the lead, for pages that show it beside a way to the queue; MOST_FOUND+ at most."""
    open_now = open_to(stages=project.stages.in_rating(), lead=request.user, now=timezone.now())
    found = len(open_now.order_by().values_list("pk", flat=True)[: MOST_FOUND + 1])
    context = {"waiting": min(found, MOST_FOUND), "more": found > MOST_FOUND}
    return render(request, "arbitration/_waiting.html", context)


@require_GET
@project_view(LEAD)
def arrived(request, project):
    """News for a queue that shows nothing, and asks again and again: empty until a case is there."""
    open_now = open_to(stages=project.stages.in_rating(), lead=request.user, now=timezone.now())
    if not open_now.exists():
        return HttpResponse(status=204)
    return render(request, "arbitration/_arrived.html", {"project": project})


@require_GET
@project_view(LEAD)
def look(request, project, response):
    """A response of the queue with all that was said about it, before anybody takes it."""
    waiting = open_to(stages=project.stages.in_rating(), lead=request.user, now=timezone.now())
    related = ("prompt", "stage__policy__rubric")
    file = open_file(get_object_or_404(waiting.select_related(*related), pk=response))
    context = {"file": file, **folded(history_of(file)), "simulated": file.simulated}
    return render(request, "arbitration/look.html", context)


@form_only
@project_view(LEAD)
def claim(request, project, response):
    """Take one response of the queue and open its case."""
    response = get_object_or_404(Response, pk=response, stage__project=project)
    try:
        case = claim_case(response=response, by=request.user, now=timezone.now())
    except Conflict as error:
        return lead_on(request, project, error)
    return redirect(request, _case_url(project, case))


@require_GET
@project_view(LEAD, ADMIN)
def case_page(request, project, case):
    """One's own case: the form while it is held, what was decided afterwards. For admins whatever was decided."""
    return _render_case(request, get_object_or_404(_cases_of(request, project), pk=case))


@form_only
@project_view(LEAD)
def resolve(request, project, case):
    """Set the consensus, then open the next case if asked to."""
    case = _own_case(request, project, case)
    try:
        resolve_case(
            case=case,
            by=request.user,
            scores=forms.read_scores(request.POST),
            labels=forms.read_labels(request.POST),
            rationale=request.POST.get("rationale", ""),
            submission=forms.read_submission(request.POST),
            accept_rating=(chosen := forms.read_revision(request.POST, case.response)),
            accept_text=forms.read_edited(request.POST, chosen),
            reject_ratings=forms.read_rejected(request.POST, case.response),
            finding=forms.read_finding(request.POST),
            now=timezone.now(),
        )
    except DomainError as error:
        return _render_case(request, case, error)
    answers = told(whole(case.response.stage.policy), forms.read_fields(request.POST))
    given = ", ".join(f"{asked} {answer}" for asked, answer in answers if answer)
    flash(request, f"The consensus is set: {given}.")
    return _after(request, project, case)


@form_only
@project_view(LEAD)
def exclude(request, project, case):
    """Keep the response out of training, then open the next case if asked to."""
    case = _own_case(request, project, case)
    try:
        exclude_response(
            case=case,
            by=request.user,
            rationale=request.POST.get("rationale", ""),
            submission=forms.read_submission(request.POST),
            finding=forms.read_finding(request.POST),
            now=timezone.now(),
        )
    except DomainError as error:
        return _render_case(request, case, error)
    flash(request, "The response is excluded from training.")
    return _after(request, project, case)


@form_only
@project_view(LEAD)
def release(request, project, case):
    """Give the case back."""
    case = _own_case(request, project, case)
    try:
        release_case(case=case, by=request.user, now=timezone.now())
    except DomainError as error:
        return _render_case(request, case, error)
    flash(request, "The case is back in the queue.")
    return _after(request, project, case)


@form_only
@project_view(LEAD)
def return_to_experts(request, project, case):
    """Give the case back to those who rated its response, with a question."""
    case = _own_case(request, project, case)
    question = request.POST.get("question", "")
    try:
        return_case(case=case, by=request.user, question=question, now=timezone.now())
    except DomainError as error:
        return _render_case(request, case, error)
    flash(request, gettext("The response is back with its experts."))
    return redirect(request, reverse("arbitration:queue", args=[project.slug]))


@form_only
@project_view(LEAD)
def one_more(request, project, case):
    """Ask for one more rating of the case's response."""
    case = _own_case(request, project, case)
    try:
        ask_one_more(case=case, by=request.user, now=timezone.now())
    except DomainError as error:
        return _render_case(request, case, error)
    flash(request, gettext("One more expert is asked."))
    return redirect(request, reverse("arbitration:queue", args=[project.slug]))


@form_only
@project_view(LEAD, ADMIN)
def reopen(request, project, case):
    """Put what was decided before the leads again."""
    case = get_object_or_404(_cases_of(request, project), pk=case)
    decision = get_object_or_404(with_answers(Decision.objects.filter(case=case)))
    decision.case = case
    try:
        reopen_decision(
            decision=decision, by=request.user, reason=request.POST.get("reason", ""), now=timezone.now()
        )
    except DomainError as error:
        return _render_case(request, case, error)
    flash(request, gettext("The decision is reopened: the response waits for a lead again."))
    where = "arbitration:queue" if LEAD in request.roles else "arbitration:decisions"
    return redirect(request, reverse(where, args=[project.slug]))


@require_GET
@project_view(LEAD, ADMIN)
def decisions(request, project):
    """What the lead has decided in this project, the newest first; for admins what anybody has."""
    rows = Decision.objects.filter(case__response__stage__project=project)
    if ADMIN in request.roles:
        rows = rows.filter(~Exists(_part_of(request.user, OuterRef("case__response"))))
    else:
        rows = rows.filter(lead=request.user)
    rows = rows.select_related("case__response__prompt", "case__divergence", "lead").order_by(
        "-created_at", "-pk"
    )
    page = Paginator(with_answers(rows), DECISIONS_PAGE).get_page(request.GET.get("page"))
    return render(request, "arbitration/decisions.html", {"page_obj": page, "tab": "decisions"})


def _cases_of(request, project):
    """The cases whose pages this person may open: their own, and as an admin all decided ones that they have no part
    in as an expert."""
    mine = Q(lead=request.user)
    if ADMIN in request.roles:
        took_part = _part_of(request.user, OuterRef("response"))
        mine |= Q(status=Case.Status.RESOLVED) & ~Exists(took_part)
    cases = Case.objects.filter(mine, response__stage__project=project)
    return cases.select_related("response__prompt", "response__stage__policy__rubric", "divergence", "lead")


def _part_of(person, response):
    return Involvement.objects.filter(response=response, user=person, part__in=Involvement.EXPERT_PARTS)


def _own_case(request, project, pk):
    """A case that is, or was, before this lead."""
    return get_object_or_404(_cases_of(request, project).filter(lead=request.user), pk=pk)


def _render_case(request, case, error=None):
    """The case's page; after a refused form with what was filled in, and why it was refused."""
    if error is not None:
        case.refresh_from_db(fields=["status"])
        case.response.refresh_from_db(fields=["status"])
        case.divergence.refresh_from_db(fields=["superseded_at"])
    now = timezone.now()
    holds = case.divergence.superseded_at is None
    file = open_file(case.response)
    decision = with_answers(Decision.objects.filter(case=case)).first()
    faults = faults_by_field(error.faults) if isinstance(error, InvalidAnswers) else {}
    accepted = AcceptedRevision.objects.standing().filter(response=case.response).first()
    context = {
        "case": case,
        "file": file,
        "decision": decision,
        "accepted": accepted,
        "accepted_changes": word_diff(tidy(case.response.text), accepted.text)
        if accepted and accepted.edited
        else None,
        "revisions": forms.told_of_revisions(file, request.POST),
        **folded(history_of(file)),
        "holds": holds,
        "is_held": case.status == Case.Status.CLAIMED and holds,
        "is_late": case.status == Case.Status.CLAIMED and holds and case.lease_until <= now,
        "may_claim_again": case.response.status == Response.Status.DIVERGENT
        and not (holds and case.status == Case.Status.CLAIMED),
        "may_reopen": decision is not None and holds and case.response.stage.status == Stage.Status.RATING,
        "finding": case.response.divergences.current().first() if error is not None else case.divergence,
        "form_open": (case.status == Case.Status.CLAIMED and holds)
        or (error is not None and decision is None),
        "tracks": _tracks(request, file, faults, decision),
        "label_sets": label_fields(file.label_sets, given=request.POST, faults=faults),
        "rationale": request.POST.get("rationale", ""),
        "rationale_error": faults.get("rationale"),
        "revision": request.POST.get("revision", ""),
        "question": request.POST.get("question", ""),
        "question_error": faults.get("question"),
        "reason": request.POST.get("reason", ""),
        "reason_error": faults.get("reason"),
        "error": error,
        "changes": forms.changes_since(decision, request.POST) if error is not None and decision else [],
        "submission": uuid.uuid4(),
        "simulated": file.simulated,
        "tab": "queue",
    }
    status = error.status_code if error is not None else 200
    return render(request, "arbitration/case.html", context, status=status)


def _tracks(request, file, faults, decision):
    decided = {score.axis_id: score.value for score in decision.scores.all()} if decision else {}
    return [
        {
            "track": track,
            "name": f"{SCORE}{track.axis.key}",
            "value": request.POST.get(f"{SCORE}{track.axis.key}", ""),
            "error": faults.get(f"{SCORE}{track.axis.key}"),
            "decided": decided.get(track.axis.pk),
        }
        for track in file.tracks
    ]


def _after(request, project, case):
    if request.POST.get("then") == "next":
        return _to_next_case(request, project)
    return redirect(request, reverse("arbitration:queue", args=[project.slug]))


def _to_next_case(request, project):
    case = claim_next_case(stages=project.stages.in_rating(), by=request.user, now=timezone.now())
    if case is None:
        flash(request, "Nothing is waiting for you.")
        return redirect(request, reverse("arbitration:queue", args=[project.slug]))
    return redirect(request, _case_url(project, case))


def _case_url(project, case):
    return reverse("arbitration:case", args=[project.slug, case.pk])


def _is_simulated(project):
    return project.memberships.filter(role=EXPERT, user__is_simulated=True).exists()
