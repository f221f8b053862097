"""A disk that fills while something comes in: told as such, and nothing of it is left behind."""

import pytest
from django.conf import settings as configured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import RequestFactory
from django.urls import reverse

from core.http import server_error
from exchange.models import FileImport
from tests.factories.annotation import make_prompts
from tests.factories.core import make_project
from tests.full_disk import largest_file
from tests.integration.test_slow_clients import answer_to, connect
from tests.live import Live

PROMPTS = b"prompt\n" + b"a fairly long prompt about nothing\n" * 100_000
"""3.5 MB: Django keeps so much in a file from the start, and a tenth of it in memory."""


@pytest.mark.django_db
class TestAnUpload:
    @pytest.mark.parametrize("size", [len(PROMPTS), len(PROMPTS) // 10], ids=["large", "small"])
    def test_that_does_not_fit_is_told_and_leaves_nothing(self, client, settings, tmp_path, size):
        settings.MEDIA_ROOT = tmp_path
        settings.FILE_UPLOAD_TEMP_DIR = tmp_path
        team = make_project()
        make_prompts(team.project)
        client.force_login(team.admin)
        client.raise_request_exception = False
        url = reverse("annotation:import-prompts", args=[team.project.slug])
        with largest_file(200_000):
            page = client.post(url, {"prompts-file": SimpleUploadedFile("a.csv", PROMPTS[:size])})
        assert page.status_code == 507
        assert "The disk is full" in page.text and "free some space" in page.text
        assert not FileImport.objects.exists()
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class TestServerError:
    @pytest.mark.parametrize(
        ("words", "status"), [("database or disk is full", 507), ("unable to open database file", 503)]
    )
    def test_tells_a_full_disk_of_the_database_from_one_that_is_away(self, words, status):
        try:
            raise OperationalError(words)
        except OperationalError:
            assert server_error(RequestFactory().get("/")).status_code == status


@pytest.mark.once
class TestTheWebServer:
    def test_tells_what_it_cannot_take_in_and_goes_on(self):
        live = Live(DATABASE_URL="sqlite:///:memory:")
        live.launch("web", ["sh", "-c", 'ulimit -f 1000; exec "$@"', "sh", *live.argv("web")])
        live.wait_ready("web", live.answers)
        try:
            body = b"x" * 3_000_000
            head = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=a\r\n"
            for _ in range(4):  # each of the two processes, more than once
                answer = answer_to(live, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                assert answer.startswith(b"HTTP/1.1 507 ")
                assert b"free some space" in answer
            with connect(live, head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:2_000_000]):
                pass  # gone in the middle
            assert answer_to(live, b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            assert "Traceback" not in live.log("web")
            assert "File too large" in live.log("web")
            assert list(configured.FILE_UPLOAD_TEMP_DIR.iterdir()) == []
        finally:
            live.stop()
