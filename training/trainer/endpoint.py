"""One OpenAI-compatible endpoint: asked politely, again where it is worth it, and never more often than allowed.

Torch-free, and with the standard library alone: what is needed of the protocol is one request.
"""

import email.utils
import http.client
import json
import random
import threading
import time
import urllib.error
import urllib.request

from jobs.failures import Failure

AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""Statuses after which the same request may well succeed."""
DENIED = {401, 402, 403, 404}
"""Statuses that every other request would meet too."""
MOST_TRIES = 8
LONGEST_WAIT = 600.0
REQUEST_SECONDS = 300.0
LONGEST_WORDS = 300
FINISHED = {"length": "length", "max_tokens": "length"}
"""How an answer ended, in our words; everything else that brought a text is a "stop"."""


class Declined(Exception):
    """The endpoint does not answer this prompt; `code` and `params` are a reason (jobs/reasons.py)."""

    def __init__(self, code, **params):
        super().__init__(code)
        self.code, self.params = code, params


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another address is not the one that was allowed, and must not be given the key."""

    def redirect_request(self, *arguments):
        return None


class Pace:
    """Lets requests of all threads begin at even distances, `per_minute` of them at most."""

    def __init__(self, per_minute):
        self.distance, self.next, self.lock = 60.0 / per_minute, 0.0, threading.Lock()

    def wait(self, rest):
        with self.lock:
            now = time.monotonic()
            begin = max(self.next, now)
            self.next = begin + self.distance
        rest(begin - now)


class Endpoint:
    """`url`: the base, such as http://host/v1; `key` may be empty. `rest(seconds)` waits, and may raise to end it."""

    def __init__(self, url, model, *, key, per_minute, rest):
        self.address, self.model, self.key = f"{url.rstrip('/')}/chat/completions", model, key
        self.pace, self.rest = Pace(per_minute), rest
        self.opener = urllib.request.build_opener(NoRedirect())

    def answer(self, messages, sampling, seed):
        """(text, "stop" or "length", tokens drawn or 0 where that is not told) for a list of chat messages.

        Raises Declined where this prompt is refused, Failure where nothing can be had.
        """
        asked = {
            "model": self.model,
            "messages": messages,
            "temperature": sampling["temperature"],
            "top_p": sampling["top_p"],
            "max_tokens": sampling["max_new_tokens"],
            "seed": seed,
        }
        if sampling["repetition_penalty"] != 1:
            # Not in OpenAI's own protocol; vLLM and its like take it, the others say that they don't.
            asked["repetition_penalty"] = sampling["repetition_penalty"]
        body = json.dumps(asked).encode()
        for tried in range(1, MOST_TRIES + 1):
            self.pace.wait(self.rest)
            try:
                return self._read(self._post(body))
            except urllib.error.HTTPError as error:
                words, after = _words(error), error.headers.get("Retry-After")
                if error.code in DENIED:
                    raise Failure("config", "endpoint_denies", status=error.code, words=words) from error
                if error.code not in AGAIN:
                    raise Declined("endpoint_refuses", status=error.code, words=words) from error
                problem = f"{error.code} {words}"
            except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
                problem, after = f"{type(error).__name__}: {error}"[:LONGEST_WORDS], None
            if tried < MOST_TRIES:
                self.rest(_pause(tried, after))
        raise Failure("endpoint", "endpoint_away", tries=MOST_TRIES, words=problem)

    def _post(self, body):
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.address, data=body, headers=headers)
        with self.opener.open(request, timeout=REQUEST_SECONDS) as answer:
            return json.load(answer)

    def _read(self, told):
        choice = told["choices"][0]
        text = choice["message"].get("content") or ""
        if choice.get("finish_reason") == "content_filter":
            raise Declined("endpoint_filters")
        if not isinstance(text, str):
            raise TypeError("the answer is no text")
        drawn = (told.get("usage") or {}).get("completion_tokens") or 0
        return text, FINISHED.get(choice.get("finish_reason"), "stop"), drawn


def _pause(tried, after):
    """Seconds before the next try: as long as the endpoint asks for, else longer each time, and not all at once."""
    asked = _seconds(after)
    if asked is not None:
        return min(asked, LONGEST_WAIT)
    return min(2.0 ** (tried - 1), 60.0) * random.uniform(0.5, 1.0)


def _seconds(after):
    """A Retry-After header, a number of seconds or a date, as seconds from now; None where there is none to read."""
    if not after:
        return None
    if after.strip().replace(".", "", 1).isdigit():
        return float(after)
    try:
        return max(email.utils.parsedate_to_datetime(after).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _words(error):
    """What the endpoint says went wrong, in its own words, shortened."""
    with error:
        said = error.read(4096).decode("utf-8", "replace")
    try:
        told = json.loads(said)
    except ValueError:
        told = None
    if isinstance(told, dict):
        inner = told.get("error", told)
        said = inner.get("message", said) if isinstance(inner, dict) else str(inner)
    return str(said).strip()[:LONGEST_WORDS]
