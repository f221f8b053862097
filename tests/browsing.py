"""A real browser for the journeys: finding Chromium, launching it, signing in."""

import os
import shutil
from contextlib import contextmanager

from django.conf import settings

PASSWORD = "correct horse battery"

TIMEOUT = 45_000
"""Milliseconds that a click or an expectation may wait: a busy machine is slow, not wrong."""

NO_CHROMIUM = "no Chromium found: install the package `chromium`, or name the program in $CHROMIUM"
PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "chrome"]
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def find_chromium():
    """The path of a Chromium: $CHROMIUM, or one on the PATH; empty if there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if os.access(named, os.X_OK) else ""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), "")


@contextmanager
def launched():
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=TIMEOUT)
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium has no sandbox for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS + sandbox)
        yield browser
        browser.close()


class People:
    """Pages of several people at once, each in a browser profile of their own."""

    def __init__(self, browser, concord):
        self.browser, self.concord = browser, concord
        self.contexts = []
        self.complaints = []
        """Script errors and violations of the content security policy, with who saw them."""

    def open(self, username=None, *, path="/", password=None, **context):
        """A page at `path`, signed in as `username` (signed out without one): by the sign-in form with a `password`,
        by a session made for them without. `context`: viewport, color_scheme…"""
        profile = self.browser.new_context(base_url=self.concord.url, **context)
        profile.set_default_timeout(TIMEOUT)
        self.contexts.append(profile)
        page = profile.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{username}: {error}"))
        page.on("console", lambda message: self.hear(username, message))
        if username and not password:
            profile.add_cookies([self.session_cookie(username)])
        elif username:
            page.goto("/login/")
            page.get_by_label("Username").fill(username)
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(lambda url: "/login/" not in url)
        if not (username and password) or path != "/":
            page.goto(path)
        return page

    def session_cookie(self, username):
        from django.test import Client

        from core.models import User

        client = Client()
        client.force_login(User.objects.get(username=username))
        name = settings.SESSION_COOKIE_NAME
        return {"name": name, "value": client.cookies[name].value, "url": self.concord.url}

    def hear(self, username, message):
        if message.type == "error" and "Content Security Policy" in message.text:
            self.complaints.append(f"{username}: {message.text}")

    def close(self):
        for context in self.contexts:
            context.close()
