"""Over real HTTP, on real processes: 32 experts rate 200 responses at once, and every one has exactly three."""

import http.client
import re
import threading
import uuid
from collections import Counter
from importlib import import_module
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from annotation.models import Assignment, Involvement, Rating, Response
from tests.factories.annotation import make_rating_stage
from tests.factories.core import make_project
from tests.live import Live

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.deep]
CLIENTS, RESPONSES, K = 32, 200, 3
TOKEN = "c" * 32
FORM = re.compile(r'action="([^"]+/submit/)"')
KEY = re.compile(r'name="submission" value="([^"]+)"')


@pytest.fixture
def web(transactional_db):
    live = Live()
    live.start("web")
    yield live
    live.stop()


class Browser:
    """One expert's browser: keeps its connection and cookies, follows the page's own form."""

    def __init__(self, live, user):
        self.connection = http.client.HTTPConnection(urlsplit(live.url).netloc, timeout=60)
        self.headers = {
            "Cookie": f"sessionid={session_of(user)}; csrftoken={TOKEN}",
            "X-CSRFToken": TOKEN,
            "HX-Request": "true",
        }

    def ask(self, method, path, form=None):
        headers = dict(self.headers)
        body = None
        if form is not None:
            headers["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(form)
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()

    def rate_everything(self, path, twice_every=0):
        """Rate until the page says that nothing is left; returns the number of forms sent, once or twice."""
        status, page = self.ask("GET", path)
        sent = 0
        while found := FORM.search(page):
            assert status == 200, page[:500]
            form = {
                "score-safety": "4",
                "score-helpfulness": str(3 + sent % 3),
                "score-relevance": "4",
                "label-verdict": "aligned",
                "submission": KEY.search(page)[1],
            }
            sent += 1
            if twice_every and sent % twice_every == 0:
                assert self.ask("POST", found[1], form)[0] == 200
            status, page = self.ask("POST", found[1], form)
        assert status == 200 and "Nothing is left for you" in page, (status, page[:500])
        self.connection.close()
        return sent


def session_of(user):
    """A signed-in session, as the sign-in page would have made it."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session.session_key


def all_at_once(tasks):
    gate, results, errors = threading.Barrier(len(tasks)), [], []

    def run(task):
        try:
            gate.wait()
            results.append(task())
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=run, args=[task]) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert errors == []
    return results


class TestThirtyTwoExperts:
    def test_give_two_hundred_responses_three_ratings_each(self, web):
        team = make_project(experts=CLIENTS)
        stage = make_rating_stage(team.project, prompts=RESPONSES)
        path = f"/projects/{team.project.slug}/rate/"
        browsers = [Browser(web, expert) for expert in team.experts]
        # Every fifth form is sent twice, as an impatient double click or a retrying proxy would.
        sent = all_at_once([lambda each=each: each.rate_everything(path, twice_every=5) for each in browsers])
        assert sum(sent) == RESPONSES * K
        assert Rating.objects.filter(response__stage=stage).count() == RESPONSES * K
        per_response = Counter(Rating.objects.values_list("response", flat=True))
        assert set(per_response.values()) == {K} and len(per_response) == RESPONSES
        pairs = Counter(Rating.objects.values_list("response", "expert"))
        assert set(pairs.values()) == {1}
        assert set(Assignment.objects.values_list("status", flat=True)) == {Assignment.Status.SUBMITTED}
        assert not Response.objects.filter(status=Response.Status.AWAITING_RATINGS).exists()
        assert Involvement.objects.count() == RESPONSES * K


class TestTheSameSubmit:
    def test_sent_sixteen_times_at_once_counts_once(self, web):
        team = make_project(experts=1)
        make_rating_stage(team.project, prompts=3)
        path = f"/projects/{team.project.slug}/rate/"
        _, page = Browser(web, team.experts[0]).ask("GET", path)
        action, key = FORM.search(page)[1], KEY.search(page)[1]
        form = dict.fromkeys(("score-safety", "score-helpfulness", "score-relevance"), "4")
        form |= {"label-verdict": "aligned", "submission": key}
        browsers = [Browser(web, team.experts[0]) for _ in range(16)]
        answers = all_at_once([lambda each=each: each.ask("POST", action, form)[0] for each in browsers])
        assert set(answers) == {200}
        assert Rating.objects.count() == 1
        assert Rating.objects.get().submission == uuid.UUID(key)
