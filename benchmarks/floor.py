"""The floor under Concord's cycles: a bare Django application that does the same work in the fewest statements.

It holds what Concord must hold: a person is looked up at each request, has one response at a time, a response is
taken by no more than k and by nobody twice, and each request is one transaction. It has no pages, no rubric and no
audit trail. Served with `gunicorn "floor:make_application()"` on the PostgreSQL in DATABASE_URL.
"""

import json
import os

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse
from django.urls import path

K = 3
TABLES = """
CREATE TABLE expert (id integer PRIMARY KEY, token varchar(64) UNIQUE);
CREATE TABLE response (
    id bigserial PRIMARY KEY, stage_id integer NOT NULL, position bigint NOT NULL, prompt text NOT NULL,
    text text NOT NULL, taken integer NOT NULL DEFAULT 0, done integer NOT NULL DEFAULT 0);
CREATE INDEX open ON response (stage_id, position) WHERE taken < 3;
CREATE TABLE rating (
    id bigserial PRIMARY KEY, response_id bigint NOT NULL, expert_id integer NOT NULL, stage_id integer NOT NULL,
    answers jsonb, UNIQUE (response_id, expert_id));
CREATE INDEX before_expert ON rating (expert_id, stage_id) WHERE answers IS NULL;
"""
FILL = """
INSERT INTO response (stage_id, position, prompt, text)
SELECT %s, (i::bigint * 7919) %% 15485863, 'Prompt ' || i, %s FROM generate_series(1, %s) i
"""
HALF = """
WITH chosen AS (UPDATE response SET taken = 3, done = 3 WHERE stage_id = %s AND id %% 2 = 0 AND taken = 0 RETURNING id)
INSERT INTO rating (response_id, expert_id, stage_id, answers)
SELECT id, (id + slot) %% 16, %s, %s FROM chosen, generate_series(1, 3) slot
"""
PENDING = """
SELECT r.id, r.prompt, r.text FROM rating JOIN response r ON r.id = rating.response_id
WHERE rating.expert_id = %s AND rating.stage_id = %s AND rating.answers IS NULL LIMIT 1
"""
OPEN = """
SELECT r.id, r.prompt, r.text FROM response r WHERE r.stage_id = %s AND r.taken < 3
AND NOT EXISTS (SELECT 1 FROM rating WHERE rating.response_id = r.id AND rating.expert_id = %s)
ORDER BY r.position LIMIT 1 FOR UPDATE
"""


def make_application():
    import dj_database_url
    from django.core.wsgi import get_wsgi_application

    settings.configure(
        SECRET_KEY="x",
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=None)},
        MIDDLEWARE=[],
        UPLOAD_MAX_SIZE=2**20,  # bytes; asked for by the worker of the web server that both run under
    )
    return get_wsgi_application()


def next_response(request, stage):
    with transaction.atomic(), connection.cursor() as cursor:
        expert = who(request, cursor)
        cursor.execute(PENDING, [expert, stage])
        found = cursor.fetchone()
        if not found:
            # First a row that nobody holds; only where there is none is it worth a wait.
            cursor.execute(OPEN + " SKIP LOCKED", [stage, expert])
            found = cursor.fetchone()
            if not found:
                cursor.execute(OPEN, [stage, expert])
                found = cursor.fetchone()
            if not found:
                return HttpResponse(status=404)
            cursor.execute(
                "INSERT INTO rating (response_id, expert_id, stage_id) VALUES (%s, %s, %s)",
                [found[0], expert, stage],
            )
            cursor.execute("UPDATE response SET taken = taken + 1 WHERE id = %s", [found[0]])
    return JsonResponse(dict(zip(("id", "prompt", "response"), found, strict=True)))


def submit(request, response):
    answers = json.dumps(json.loads(request.body))
    with transaction.atomic(), connection.cursor() as cursor:
        expert = who(request, cursor)
        # The last two ratings of a response are taken one after the other.
        cursor.execute("SELECT done FROM response WHERE id = %s FOR UPDATE", [response])
        cursor.execute(
            "UPDATE rating SET answers = %s WHERE response_id = %s AND expert_id = %s AND answers IS NULL",
            [answers, response, expert],
        )
        if not cursor.rowcount:
            return HttpResponse(status=409)
        cursor.execute("UPDATE response SET done = done + 1 WHERE id = %s", [response])
    return HttpResponse(status=200)


def who(request, cursor):
    cursor.execute("SELECT id FROM expert WHERE token = %s", [request.headers["Authorization"]])
    return cursor.fetchone()[0]


def health(request):
    return HttpResponse(b"well")


urlpatterns = [
    path("healthz", health),
    path("stages/<int:stage>/next", next_response),
    path("responses/<int:response>/submit", submit),
]
