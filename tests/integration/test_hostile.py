"""Whatever a stranger sends, in any field of any form, in any address and in any file: it never ends in a 500.

The forms are those that the pages show, found anew each time, so that a new form or field is tried as well.
"""

import json
import re
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import RequestFactory
from django.urls import reverse

from config.wsgi import application
from core.projects import create_project
from core.stages import open_stage
from exchange.models import FileImport
from exchange.uploads import run_import
from tests.factories.annotation import make_prompts
from tests.factories.core import NOW, make_project
from tests.integration import test_access_matrix
from tests.integration.test_access_matrix import ADDRESSES

pytestmark = pytest.mark.django_db
world = test_access_matrix.world
WORST = {"NUL": "a\x00b", "digits": "9" * 5000, "a large number": "9" * 19}
"""Tried in each field alone; the others in all fields at once."""
VALUES = WORST | {
    "nothing": "",
    "NUL alone": "\x00",
    "a negative one": "-1",
    "other digits": "٣٤",
    "a power": "²",
    "no number": "NaN",
    "without end": "1e999",
    "long": "x" * 200_001,
    "bidi": "a\u202eb",
    "markup": "<script>alert(1)</script>{{ 7 }}{% now %}",
}
FILLED_IN = dict.fromkeys(("score-safety", "score-helpfulness", "score-relevance"), "4") | {
    "label-verdict": "aligned",
    "rationale": "So it is.",
    "reason": "So it is.",
    "revision": "9" * 30,
    "submission": "00000000-0000-4000-8000-000000000000",
}
ASKED = ("q", "page", "split", "stage", "reason", "model", "seen", "next", "status")
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=part"


def pairs(names, value):
    return "&".join(f"{quote(name)}={value}" for name in names).encode()


def parts(names, more=""):
    """A form in parts; `more`: what each part's header says besides its name."""
    each = [
        f'--part\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\na\0b\r\n' for name in names
    ]
    return "".join([*each, "--part--\r\n"]).encode()


BODIES = {
    "half a surrogate": (FORM, lambda names: pairs(names, "%ED%A0%80%FF%00")),
    "each field three times": (FORM, lambda names: pairs([*names] * 3, "1")),
    "a hundred thousand fields": (FORM, lambda names: b"&f=1" * 100_000),
    "a name of a hundred thousand letters": (PARTS, lambda names: parts([*names, "n" * 100_000])),
    "no form": ("application/json", lambda names: json.dumps(dict.fromkeys(names, 1)).encode()),
    "no encoding of texts": (f"{PARTS}; charset=rot13", parts),
    "an encoding without replacement": (f"{FORM}; charset=idna", lambda names: pairs(names, "%FF")),
    "files for fields": (PARTS, lambda names: parts(names, '; filename="../a\0\u202e.csv"')),
    "broken off": (PARTS, lambda names: parts(names)[:-20]),
    "no boundary": ("multipart/form-data", parts),
    "no base64": (PARTS, lambda names: parts(names, "\r\nContent-Transfer-Encoding: base64")),
}
FILES = {
    "digits.jsonl": b'{"prompt": "a", "id": ' + b"9" * 5000 + b"}",
    "digits-as-text.jsonl": b'{"prompt_id": "p1", "text": "a", "model": "m", "candidate": "%s"}'
    % (b"9" * 5000),
    "digits.csv": b"prompt_id,text,model,candidate,ratings\np1,a,m," + b"9" * 5000 + b",1\n",
    "minus.csv": b"prompt_id,text,model,candidate\np1,a,m,-1\n",
    "power.csv": "prompt_id,text,model,candidate\np1,a,m,²\n".encode(),
    "text.jsonl": b'{"prompt": "\\ud800"}\n{"prompt_id": "\\ud800", "text": "\\udfff", "model": "\\ud800"}',
    "field.jsonl": b'{"prompt": "a", "\\ud800": 1}',
    "messages.jsonl": b'{"messages": [{"role": "\\ud800", "content": "\\ud800", "\\ud800": "\\ud800"}]}',
    "a-list.jsonl": b'{"prompt": "a", "tags": ["\\ud800", 1, null, {"\\ud800": []}], "split": "\\ud800"}',
    "id.jsonl": b'{"prompt": "a", "id": "\\ud800", "reference": "\\ud800"}',
    "nul.csv": b"prompt,id\na\x00,b\x00\n",
    "nul.jsonl": b'{"prompt": "a\\u0000", "id": "\\u0000", "\\u0000": 1, "tags": ["\\u0000"]}',
    "header.csv": b",".join(b"c%d" % number for number in range(100_000)),
    "cells.csv": b"prompt\n" + b"," * 100_000,
    "quote.csv": b'prompt\n"' + b"a\n" * 1000,
    "deep.jsonl": b'{"prompt": ' + b"[" * 100_000,
    "nan.jsonl": b'{"prompt": "a", "id": NaN}\n{"prompt": "b", "id": 1e999}',
    "twice.jsonl": b'{"prompt": "a", "prompt": "b"}',
    "others.jsonl": b'[1, 2]\n"a"\nnull\n1\n{"prompt": {"a": 1}}\n{"prompt": true}\n{"messages": {}}',
    "bytes.csv": bytes(range(256)),
    "nothing.csv": b"\n",
    "long.csv": b"prompt\n" + b"x" * 200_000 + b"\n",
    "tags.csv": b"prompt,tags\na," + b";".join(b"t%d" % number for number in range(10_000)) + b"\n",
    "name\u202e\ud7ff.xyz": b"a",
}


class Forms(HTMLParser):
    """The forms of a page: [(address, {field: value})], those that are sent by htmx as well."""

    def __init__(self, page):
        super().__init__()
        self.found, self._area = [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form" and (attrs.get("method", "").lower() == "post" or "hx-post" in attrs):
            self.found.append((attrs.get("action") or attrs.get("hx-post") or "", {}))
        elif self.found and attrs.get("name") and tag in ("input", "textarea", "select", "button"):
            fields = self.found[-1][1]
            chosen = attrs.get("type") not in ("radio", "checkbox") or attrs["name"] not in fields
            if chosen and attrs.get("type") != "file":
                fields[attrs["name"]] = attrs.get("value") or ""


def kinds(fields):
    """One field of each kind: of rows that are alike, that of the first."""
    return list({re.sub(r"\d+", "0", name): name for name in reversed(fields)}.values())


def answer(world, who, method, url, data=None, kind=None):
    """`kind`: the content type of bytes that are sent as they are."""
    client = world.clients[who]
    cookies = client.cookies.copy()
    with transaction.atomic():
        got = client.generic("POST", url, data, kind) if kind else getattr(client, method)(url, data)
        if got.streaming:
            b"".join(got.streaming_content)
        transaction.set_rollback(True)
    client.cookies = cookies
    return got


@pytest.fixture
def forms(world):
    """{address: (who, fields)} of every form of every page."""
    found = {}
    for name in ADDRESSES:
        for who in ("expert", "lead", "admin", "anonymous"):
            url = world.address(name)
            page = answer(world, who, "get", url)
            if page.status_code == 200 and "html" in page.headers["Content-Type"] and not page.streaming:
                for action, fields in Forms(page.content.decode()).found:
                    if "rationale" in fields:
                        fields.setdefault("revision", "")  # shown where an expert wrote one
                    found.setdefault(action or url, (who, fields))
    return found


@pytest.fixture
def waiting():
    """(a project whose first stage waits for responses, its admin)."""
    team = make_project()
    make_prompts(team.project)
    open_stage(project=team.project, model_version=None, by=team.admin, now=NOW)
    return team.project, team.admin


class TestEveryForm:
    def test_is_found(self, forms):
        assert {field for _, fields in forms.values() for field in fields} >= {
            *(
                "username",
                "password",
                "name",
                "guidelines",
                "axes-0-question",
                "member-username",
                "account-password",
            ),
            *(
                "score-safety",
                "label-verdict",
                "seconds",
                "comment",
                "revised_response",
                "rationale",
                "revision",
            ),
            *("submission", "learning_rate", "reason"),
        }

    @pytest.mark.deep
    def test_takes_any_value_in_any_field(self, world, forms):
        broken = []
        for url, (who, fields) in forms.items():
            tries = [(name, what, {name: value}) for name in kinds(fields) for what, value in WORST.items()]
            tries += [("all", what, dict.fromkeys(fields, value)) for what, value in VALUES.items()]
            for name, what, changed in tries:
                status = answer(world, who, "post", url, fields | changed).status_code
                if status >= 500:
                    broken.append(f"{url} to {who}, {name}: {what}: {status}")
        assert broken == []

    def test_takes_any_body(self, world, forms):
        broken = []
        for url, (who, fields) in forms.items():
            for what, (kind, body) in BODIES.items():
                status = answer(world, who, "post", url, body(fields), kind).status_code
                if status >= 500:
                    broken.append(f"{url} to {who}: {what}: {status}")
        assert broken == []


class TestEveryAddress:
    @pytest.mark.deep
    def test_takes_any_value_that_is_asked(self, world):
        broken = []
        for name in ADDRESSES:
            for what, value in WORST.items():
                for who in ("expert", "lead", "admin"):
                    asked = dict.fromkeys(ASKED, value[:3000]) | {"q": 20 * value[:3000], "day": "9999-12-31"}
                    status = answer(world, who, "get", world.address(name), asked).status_code
                    if status >= 500:
                        broken.append(f"{name} to {who}: {what}: {status}")
        assert broken == []

    @pytest.mark.parametrize("number", [2**31, 2**63, 10**30, 10**4000], ids=["31", "63", "30", "4000"])
    def test_takes_any_number(self, world, number):
        broken = []
        for name, arguments in ADDRESSES.items():
            if keys := arguments & {"pk", "case", "response", "rating"}:
                here = world.address(name, **dict.fromkeys(keys, 4_000_004))
                url = here.replace("4000004", f"{number:d}" if number < 10**100 else "9" * 4000)
                for method, data in (("get", None), ("post", FILLED_IN)):
                    for who in ("expert", "lead", "admin"):
                        status = answer(world, who, method, url, data).status_code
                        if status >= 500:
                            broken.append(f"{name} to {who}, {method}: {status}")
        assert broken == []

    @pytest.mark.parametrize("kind", ["text/plain; charset*=utf-8''%00", "text/plain; a*=no-encoding''%ff"])
    def test_takes_any_content_type(self, kind):
        # Before any middleware: as the web server asks.
        environ = RequestFactory().generic("POST", "/login/", b"a=b").environ | {"CONTENT_TYPE": kind}
        answered = []
        application(environ, lambda status, headers: answered.append(status))
        assert answered == ["403 Forbidden"]

    @pytest.mark.parametrize("cookie", ['"\\000aaaaaaaaaaaaaaaa"', "\x7f" * 32, "a" * 3000, "'; --aaaaaaaa"])
    @pytest.mark.parametrize("name", ["sessionid", "csrftoken", "messages"])
    def test_takes_any_cookie(self, client, personas, name, cookie):
        url = reverse("project-detail", args=[personas.project.slug])
        assert client.get(url, headers={"Cookie": f"{name}={cookie}"}).status_code == 302


class TestImports:
    @pytest.mark.parametrize("name", FILES)
    def test_refuse_any_file_with_a_page_that_says_why(self, client, waiting, name):
        project, admin = waiting
        client.force_login(admin)
        prompts = reverse("annotation:import-prompts", args=[project.slug])
        responses = reverse("annotation:import-responses", args=[project.slug, 0])
        for url, field in [
            (prompts, "prompts-file"),
            (responses, "file"),
        ]:
            page = client.post(url, {field: SimpleUploadedFile(name, FILES[name])})
            if page.status_code == 302:  # too large to be read at once
                run_import(pk=FileImport.objects.first().pk)
                page = client.get(page["Location"])
                assert page.status_code == 200
            else:
                assert page.status_code == 422, page.content.decode()
            assert "form-errors" in page.content.decode() or "field__errors" in page.content.decode()


class TestProjectCreate:
    def test_says_that_a_name_is_taken_also_to_the_second_of_two_at_once(self, client, personas):
        client.force_login(personas.admin)
        create_project(name="At once", by=personas.admin, now=NOW)
        page = client.post(reverse("project-create"), {"name": "AT once"})
        assert page.status_code == 422 and "choose another name" in page.content.decode()
