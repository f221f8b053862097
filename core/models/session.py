from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models


class Session(AbstractBaseSession):
    """One browser's session. Signing out deletes it, and with it ends what its cookie may do.

    `user` is who is signed in, repeated from the session's own data, so that one read answers who asks and what
    they may do (core/sessions.py). Empty before anybody has signed in.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="sessions"
    )
