"""Telling somebody the link by which they choose a password: by mail where the site can send any."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.utils.translation import gettext

logger = logging.getLogger(__name__)

WORDS = """Hello {name},

{by} asks you to choose a password for your account “{username}” on {site}:

{link}

The link holds once, for {days} days. If you did not expect it, leave it alone.
"""


def send_link(*, person, by, link, site, days):
    """Send the person `link`, which holds for `days`. Whether it went out: False without an address or mail server."""
    if not person.email or not settings.EMAIL_HOST:
        return False
    words = gettext(WORDS).format(
        name=person, by=by, username=person.username, site=site, link=link, days=days
    )
    try:
        send_mail(gettext("Your account on Concord"), words, None, [person.email])
    except (SMTPException, OSError) as error:
        logger.error("The mail to %s did not go out: %s", person.email, error)
        return False
    return True
