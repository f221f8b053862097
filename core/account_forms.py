"""The forms of accounts: signing in, what somebody changes of themselves, inviting somebody."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.limits import LONGEST_PASSWORD, LONGEST_PERSON
from core.signing_in import Busy, TooManyGuesses, address_of, check_password
from core.zones import known_zones

MARK = "known"
"""The cookie in which a browser keeps `core.signing_in.mark_of`."""


class SignInForm(AuthenticationForm):
    """User name and password. `refusal` is what kept the password from being looked at, if something did."""

    refusal = None

    def clean(self):
        data, now = self.cleaned_data, timezone.now()
        if "username" not in data or "password" not in data:
            return data
        try:
            self.user_cache = check_password(
                self.request,
                username=data["username"],
                password=data["password"],
                address=address_of(self.request),
                mark=self.request.COOKIES.get(MARK, ""),
                now=now,
            )
        except TooManyGuesses as error:
            self.refusal = error
            until = timezone.localtime(error.until)
            minutes = max(1, round((error.until - now).total_seconds() / 60))
            raise ValidationError(
                gettext(
                    "Too many attempts with this account or from this address. Nobody can try again before "
                    "%(until)s (about %(minutes)s min). If you forgot your password, ask an admin for a link."
                )
                % {"until": date_format(until, "H:i T"), "minutes": minutes}
            ) from None
        except Busy as error:
            self.refusal = error
            raise ValidationError(str(error)) from None
        if self.user_cache is None:
            raise self.get_invalid_login_error()
        return data


class PasswordForm(SetPasswordForm):
    """A password, twice, as it was typed."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("new_password1", "new_password2"):
            self.fields[name].max_length = LONGEST_PASSWORD
            self.fields[name].widget.attrs["maxlength"] = LONGEST_PASSWORD


class PersonForm(forms.Form):
    """What is known of a person."""

    full_name = forms.CharField(required=False, max_length=LONGEST_PERSON, label=_("Name"))
    email = forms.EmailField(required=False, label=_("E-mail"), help_text=_("For links to set a password."))


class OwnForm(PersonForm):
    """What somebody says of themselves."""

    time_zone = forms.ChoiceField(required=False, label=_("Time zone"))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        zones = [(name, name.replace("_", " ")) for name in sorted(known_zones())]
        self.fields["time_zone"].choices = [("", _("That of my browser")), *zones]


class InviteForm(PersonForm):
    """Somebody who is to have an account."""

    username = forms.CharField(
        max_length=LONGEST_PERSON,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
        label=_("User name"),
    )
    field_order = ["username", "full_name", "email"]
