"""Uploaded files in a real worker, killed in the midst and started again."""

import json

import pytest
from django.utils import timezone

from annotation.models import Prompt
from exchange.uploads import write_import
from tests.factories.core import make_project
from tests.factories.exchange import make_upload
from tests.live import wait_until

pytestmark = pytest.mark.deep
MANY = 30_000


class TestRunImport:
    def test_doubles_nothing_when_its_worker_is_killed(self, concord):
        project, now = make_project().project, timezone.now()
        text = "".join(json.dumps({"prompt": f"Prompt {number}"}) + "\n" for number in range(MANY))
        upload = make_upload(project, text, now=now)
        concord.start("worker", "beat")

        def is_checked():
            upload.refresh_from_db()
            return upload.may_be_written

        wait_until(is_checked, what="the check")
        write_import(upload=upload, by=None, now=timezone.now())
        wait_until(lambda: Prompt.objects.count() > MANY / 10, what="the first prompts")
        concord.kill("worker")
        assert Prompt.objects.count() < MANY
        concord.start("worker")

        def is_done():
            upload.refresh_from_db()
            return upload.is_done

        wait_until(is_done, seconds=60, what="the rest")
        assert (Prompt.objects.count(), upload.written) == (MANY, MANY)
        assert upload.attempt > 2
