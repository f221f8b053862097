"""The experts of benchmarks/cycles.py: a process of its own with one thread and one kept connection each.

Reads one JSON object from standard input (see `main`) and writes what was measured as another. The standard library
alone, and no page is parsed: on two cores a heavy client would be what is measured.
"""

import json
import re
import sys
import threading
import time
from http.client import HTTPConnection
from urllib.parse import urlencode

TOKEN = "c" * 32
FORM = re.compile(
    rb'action="([^"]+/submit/)".*?name="submission" value="([^"]+)".*?name="progress" value="([^"]+)"',
    re.DOTALL,
)


class Expert:
    """Keeps a connection and what lies before them; `acknowledged` counts the submits that were answered by 200."""

    def __init__(self, host, person):
        self.connection = HTTPConnection(host, timeout=120)
        self.person = person
        self.before = None
        self.acknowledged = 0

    def ask(self, method, path, body=None, **headers):
        self.connection.request(method, path, body, {**self.headers, **headers})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


class OfConcord(Expert):
    """Submit-and-next is one request, as the page's script sends it."""

    def __init__(self, host, person, path, form):
        super().__init__(host, person)
        self.path, self.form = path, form
        self.headers = {"Cookie": f"sessionid={person}; csrftoken={TOKEN}", "X-CSRFToken": TOKEN}

    def next(self):
        status, page = self.ask("GET", self.path)
        self.before = status == 200 and FORM.search(page)
        return self.before

    def submit(self):
        action, submission, progress = self.before.groups()
        status, page = self.ask(
            "POST",
            action.decode(),
            urlencode({**self.form, "submission": submission, "progress": progress}),
            **{"HX-Request": "true", "Content-Type": "application/x-www-form-urlencoded"},
        )
        self.acknowledged += status == 200
        self.before = status == 200 and FORM.search(page)

    cycle = submit


class OfTheFloor(Expert):
    """Submit, then next."""

    def __init__(self, host, person, path, form):
        super().__init__(host, person)
        self.path, self.answers = path, json.dumps(form)
        self.headers = {"Authorization": person}

    def next(self):
        status, answer = self.ask("GET", self.path)
        self.before = status == 200 and json.loads(answer)["id"]
        return self.before

    def submit(self):
        status, _ = self.ask("POST", f"/responses/{self.before}/submit", self.answers)
        self.acknowledged += status == 200

    def cycle(self):
        self.submit()
        self.next()


def alone(expert, rounds):
    """One expert, nobody else: milliseconds of each next and of each submit."""
    nexts, submits = [], []
    for _ in range(rounds):
        nexts.append(timed(expert.next))
        if not expert.before:
            break
        submits.append(timed(expert.submit))
    return {"next": nexts[1:], "submit": submits[1:]}


def together(experts, seconds, most):
    """All at once for so long, or until each has made `most` cycles: milliseconds of each cycle, and how long."""
    gate, cycles = threading.Barrier(len(experts) + 1), []

    def work(expert):
        own = []
        expert.next()
        gate.wait()
        end = time.monotonic() + seconds
        while expert.before and len(own) < most and time.monotonic() < end:
            own.append(timed(expert.cycle))
        cycles.extend(own)

    threads = [threading.Thread(target=work, args=[expert]) for expert in experts]
    for thread in threads:
        thread.start()
    gate.wait()
    begin = time.monotonic()
    for thread in threads:
        thread.join()
    return {"cycle": cycles, "seconds": time.monotonic() - begin}


def timed(act):
    begin = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begin)


def main():
    """`of`: concord or floor; `host`, `path`, `form`, `people` (a session key or token each); and either `alone`
    (rounds) or `seconds` and `most`."""
    order = json.load(sys.stdin)
    kind = {"concord": OfConcord, "floor": OfTheFloor}[order["of"]]
    experts = [kind(order["host"], person, order["path"], order["form"]) for person in order["people"]]
    if "alone" in order:
        measured = alone(experts[0], order["alone"])
    else:
        measured = together(experts, order["seconds"], order["most"])
    json.dump({**measured, "acknowledged": sum(expert.acknowledged for expert in experts)}, sys.stdout)


if __name__ == "__main__":
    main()
