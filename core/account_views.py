"""Accounts in the browser: signing in, one's own, the link by which one chooses a password, and the site's."""

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth import views as djangos
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.http import require_http_methods, require_safe

from core import accounts
from core.access import form_only, page_at, signed_in, site_admin
from core.account_forms import MARK, InviteForm, OwnForm, PasswordForm, PersonForm, SignInForm
from core.account_mail import send_link
from core.errors import DomainError
from core.models import User
from core.signing_in import MARK_AGE, TooManyGuesses, mark_of

PER_PAGE = 50
ACTS = {
    "off": (accounts.switch_off, gettext_noop("%(person)s cannot sign in any more. What they did stays.")),
    "on": (accounts.switch_on, gettext_noop("%(person)s can sign in again.")),
    "sign-out": (accounts.sign_out_everywhere, gettext_noop("%(person)s is signed out everywhere.")),
    "admin": (accounts.make_site_admin, gettext_noop("%(person)s is an admin of the site now.")),
    "no-admin": (accounts.unmake_site_admin, gettext_noop("%(person)s is no admin of the site any more.")),
}


class SignIn(djangos.LoginView):
    """The sign-in page; it leads on to a page, whatever address it was told.

    A browser that was let in gets a mark, against which strangers' guesses do not count.
    """

    template_name = "core/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_redirect_url(self):
        return page_at(super().get_redirect_url())

    def form_invalid(self, form):
        response = super().form_invalid(form)
        if form.refusal is not None:
            response.status_code = form.refusal.status_code
            wait = 5
            if isinstance(form.refusal, TooManyGuesses):
                wait = max(1, int((form.refusal.until - timezone.now()).total_seconds()))
            response["Retry-After"] = wait
        return response

    def form_valid(self, form):
        response = super().form_valid(form)
        response.set_cookie(
            MARK,
            mark_of(form.get_user()),
            max_age=MARK_AGE,
            secure=settings.SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response


class PasswordChange(djangos.PasswordChangeView):
    """One's own password. This session goes on, all others end."""

    template_name = "core/password.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form):
        accounts.set_password(
            person=self.request.user,
            password=form.cleaned_data["new_password1"],
            by=self.request.user,
            now=timezone.now(),
            keep=self.request.session.session_key,
        )
        auth.update_session_auth_hash(self.request, self.request.user)
        messages.success(
            self.request, gettext("Your password is changed. Everywhere else you are signed out.")
        )
        return redirect(self.success_url)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def own_account(request):
    person = request.user
    form = OwnForm(request.POST or None, initial=_known(person) | {"time_zone": person.time_zone})
    if request.method == "POST" and form.is_valid() and _change(request, person, form):
        messages.success(request, gettext("Saved."))
        return redirect("account")
    return render(request, "core/account.html", {"form": form}, status=422 if form.errors else 200)


@form_only
@signed_in
def sign_out_elsewhere(request):
    accounts.sign_out_everywhere(
        person=request.user, by=request.user, now=timezone.now(), keep=request.session.session_key
    )
    messages.success(request, gettext("Everywhere else you are signed out."))
    return redirect("account")


@require_http_methods(["GET", "HEAD", "POST"])
def password_by_link(request, uid, token):
    """Whoever has the link chooses the password of its account, and is signed in with it."""
    person = accounts.person_of_link(uid, token)
    if person is None:
        return render(request, "core/link_spent.html", status=404)
    form = PasswordForm(person, request.POST or None)
    if request.method == "POST" and form.is_valid():
        accounts.set_password(
            person=person, password=form.cleaned_data["new_password1"], by=person, now=timezone.now()
        )
        auth.login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
        messages.success(request, gettext("Your password is set, and you are signed in."))
        return redirect("home")
    context = {"form": form, "person": person}
    return render(request, "core/password_by_link.html", context, status=422 if form.errors else 200)


@require_safe
@site_admin
def account_list(request):
    """Everybody who has an account, by name; `q` finds by user name, name or e-mail."""
    asked = request.GET.get("q", "").strip()
    people = accounts.find_people(asked).annotate(projects=Count("memberships__project", distinct=True))
    page = Paginator(people.order_by("-is_active", "username_key"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    return render(request, "core/accounts.html", {"page_obj": page, "q": asked})


@require_http_methods(["GET", "HEAD", "POST"])
@site_admin
def account_invite(request):
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            person = accounts.create_account(
                **form.cleaned_data, password=None, by=request.user, now=timezone.now()
            )
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            return show_link(request, person, onward=reverse("account-detail", args=[person.pk]))
    return render(request, "core/invite.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@site_admin
def account_detail(request, pk):
    person = get_object_or_404(User, pk=pk)
    form = PersonForm(request.POST or None, initial=_known(person))
    if request.method == "POST" and form.is_valid() and _change(request, person, form):
        messages.success(request, gettext("Saved."))
        return redirect("account-detail", pk=pk)
    roles = person.memberships.filter(project__deleted_at=None).select_related("project")
    context = {"person": person, "form": form, "memberships": roles.order_by("project__name", "role")}
    return render(request, "core/account_detail.html", context, status=422 if form.errors else 200)


@form_only
@site_admin
def account_link(request, pk):
    person = get_object_or_404(User, pk=pk)
    return show_link(request, person, onward=reverse("account-detail", args=[pk]))


@form_only
@site_admin
def account_act(request, pk, act):
    """One of ACTS, by its name."""
    person = get_object_or_404(User, pk=pk)
    if act not in ACTS:
        raise Http404("No such act.")
    do, said = ACTS[act]
    try:
        do(person=person, by=request.user, now=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext(said) % {"person": person})
    return redirect("account-detail", pk=pk)


def show_link(request, person, *, onward):
    """Make the link for somebody and send it, or show it, once, to whoever asked: it is kept nowhere.

    `onward`: where the page with the link leads on to.
    """
    uid, token = accounts.make_link(person=person, by=request.user, now=timezone.now())
    link = request.build_absolute_uri(reverse("password-link", args=[uid, token]))
    days = settings.PASSWORD_RESET_TIMEOUT // (24 * 3600)
    sent = send_link(person=person, by=request.user, link=link, site=request.get_host(), days=days)
    context = {"person": person, "link": "" if sent else link, "days": days, "onward": onward}
    return render(request, "core/link.html", context)


def _known(person):
    return {"full_name": person.get_full_name(), "email": person.email}


def _change(request, person, form):
    """Whether the changes were taken; what stands in their way is told with the form."""
    try:
        accounts.change_person(person=person, **form.cleaned_data, by=request.user, now=timezone.now())
    except DomainError as error:
        form.add_error(None, str(error))
    return not form.errors
