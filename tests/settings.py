"""Concord's settings, quicker where a test cannot tell the difference."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES, EMBEDDED

# The default hasher is slow on purpose; nobody attacks the accounts of a test.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if EMBEDDED:
    # A test's database need not survive a power cut.
    options = DATABASES["default"]["OPTIONS"]
    options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")
