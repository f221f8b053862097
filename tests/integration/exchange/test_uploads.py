"""Uploaded files: read by a worker, in steps that can be cut off anywhere."""

import json
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage

from annotation.importing import import_prompts
from annotation.models import Prompt, Response
from core.errors import Conflict, InvalidInput
from core.models import AuditEvent, Stage
from exchange.models import FileImport
from exchange.queries import unfinished
from exchange.uploads import AT_ONCE, KEPT, choose_columns, discard_upload, run_import, write_import
from jobs import life
from jobs.models import Job
from tests.factories.annotation import make_prompts, make_stage
from tests.factories.core import NOW, make_project
from tests.factories.exchange import make_upload

pytestmark = pytest.mark.django_db
MANY = 2500


@pytest.fixture
def project():
    return make_project().project


def lines(count=MANY, **more):
    text = "".join(
        json.dumps({"prompt": f"Prompt {number}" + " and so on" * 20} | more) + "\n"
        for number in range(count)
    )
    assert len(text) > AT_ONCE
    return text


@pytest.fixture
def large(project):
    """A file that is too large to be read at once, checked by a worker."""
    return run(make_upload(project, lines()))


def run(upload, **how):
    run_import(pk=upload.pk, **how)
    upload.refresh_from_db()
    return upload


def write(upload):
    return write_import(upload=upload, by=None, now=NOW)


class TestTakeUpload:
    def test_reads_a_small_file_at_once_and_writes_nothing(self, project):
        upload = make_upload(project)
        assert (upload.status, upload.step, upload.found["total"]) == (Job.Status.SUCCEEDED, "check", 1)
        assert not Prompt.objects.exists()

    def test_leaves_a_large_one_to_a_worker(self, project):
        upload = make_upload(project, lines())
        assert (upload.status, upload.may_be_written) == (Job.Status.QUEUED, False)
        with pytest.raises(Conflict, match="being read"):
            write(upload)
        assert run(upload).found["total"] == MANY

    def test_refuses_what_no_file_of_ours_is_called(self, project):
        with pytest.raises(InvalidInput, match="neither JSONL nor CSV"):
            make_upload(project, name="prompts.xlsx")
        assert not FileImport.objects.exists()

    def test_forgets_files_that_were_left_lying(self, project):
        old = make_upload(project)
        make_upload(project, now=NOW + KEPT + timedelta(seconds=1))
        kept = old.file
        old.refresh_from_db()
        assert old.file == "" and not default_storage.exists(kept)
        assert len(unfinished(project)) == 1


class TestDiscardUpload:
    def test_removes_the_file_and_keeps_what_was_found(self, project):
        upload = make_upload(project)
        kept = upload.file
        for _ in range(2):
            upload = discard_upload(upload=upload, by=None, now=NOW)
        assert not default_storage.exists(kept) and upload.found["total"] == 1
        with pytest.raises(Conflict, match="removed"):
            write(upload)

    def test_waits_until_the_file_is_read(self, project):
        with pytest.raises(Conflict, match="stop that first"):
            discard_upload(upload=make_upload(project, lines()), by=None, now=NOW)

    def test_comes_by_itself_with_the_mended_file(self, project):
        first, other = make_upload(project, "{"), make_upload(project, "{", "other.jsonl")
        again = make_upload(project)
        assert unfinished(project) == [again, other]
        assert not default_storage.exists(first.file)


class TestRunImport:
    def test_writes_what_was_checked_and_removes_the_file(self, large):
        write(large)
        assert run(large).is_done
        assert (Prompt.objects.count(), large.written, large.read) == (MANY, MANY, large.size)
        assert large.file == "" and unfinished(large.project) == []
        assert write(large).is_done and run(large).is_done and Prompt.objects.count() == MANY

    def test_goes_on_where_its_worker_was_asked_to_stop(self, large):
        write(large)
        run(large, stopping=lambda: Prompt.objects.count() > 1000)
        assert (large.status, large.written, Prompt.objects.count()) == (Job.Status.QUEUED, 1000, 1000)
        assert run(large).is_done
        assert (Prompt.objects.count(), large.written) == (MANY, MANY)
        events = AuditEvent.objects.filter(verb="prompts:import").values_list("params", flat=True)
        assert sum(params["prompts"] for params in events) == MANY

    def test_writes_nothing_once_it_is_another_workers(self, large):
        write(large)

        def lost():
            # As if the sweep had given it to another, between two batches.
            if Prompt.objects.count() == 2000:
                FileImport.objects.update(attempt=9)
            return False

        run(large, stopping=lost)
        assert (large.status, large.written, Prompt.objects.count()) == (Job.Status.RUNNING, 1000, 1000)

    def test_stops_where_a_person_says_so_and_can_go_on(self, large):
        write(large)

        def canceled():
            if Prompt.objects.count() > 1000:
                life.request_cancel(FileImport.objects.get(), by=None, now=NOW)
            return False

        run(large, stopping=canceled)
        assert (large.status, large.written) == (Job.Status.CANCELED, 1000)
        life.resume(large, by=None, now=NOW)
        assert run(large).is_done and Prompt.objects.count() == MANY

    def test_leaves_out_what_came_in_since_the_check_and_asks_where_it_differs(self, large):
        first = {"prompt": "Prompt 7" + " and so on" * 20}
        import_prompts(project=large.project, rows=[first], by=None, now=NOW)
        write(large)
        assert run(large).written == MANY - 1

        again = make_upload(large.project, '{"prompt": "New", "id": "n"}\n')
        import_prompts(project=large.project, rows=[{"prompt": "Newer", "id": "n"}], by=None, now=NOW)
        write(again)
        assert (again.step, again.found["faults"]) == (
            "check",
            ["Line 1, id: “n” is already in the project. Give it another."],
        )
        with pytest.raises(Conflict, match="nothing to import"):
            write(again)

    def test_tells_that_the_file_is_gone(self, large):
        default_storage.delete(large.file)
        write(large)
        assert run(large).status == Job.Status.FAILED
        assert "upload it again" in str(large.reason)

    def test_opens_the_rating_with_the_last_response(self, project):
        make_prompts(project, count=2)
        stage = make_stage(project)
        rows = [{"prompt_id": f"q{number}", "text": "\u2028", "model": "m"} for number in range(2)]
        upload = make_upload(
            project, "\n".join(json.dumps(row, ensure_ascii=False) for row in rows), stage=stage
        )
        write(upload)
        stage.refresh_from_db()
        assert (stage.status, Response.objects.count()) == (Stage.Status.RATING, 2)

    def test_shows_columns_and_rows_whatever_is_in_them(self, project):
        row = {
            "prompt": "a\ud800\u0000" + "x" * 999,
            "\ud800": 1,
            "y" * 300: 2,
            "deep": [{"\u0000": "\udfff"}],
        }
        upload = make_upload(project, json.dumps(row))
        assert upload.found["columns"] == ["prompt", "deep"]
        assert upload.found["fault_count"] > 0


class TestChooseColumns:
    def test_has_the_file_checked_anew(self, project):
        upload = make_upload(project, "Question,Nr\nWhy?,1\n", "q.csv")
        assert upload.found["fault_count"] == 1
        upload = choose_columns(upload=upload, columns={"question": "prompt", "nr": ""}, by=None, now=NOW)
        assert (upload.found["fault_count"], upload.found["total"], upload.may_be_written) == (0, 1, True)

    @pytest.mark.parametrize("columns", [{"question": "nothing"}, {"other": "prompt"}])
    def test_refuses_what_is_not_there(self, project, columns):
        upload = make_upload(project, "Question\nWhy?\n", "q.csv")
        with pytest.raises(InvalidInput):
            choose_columns(upload=upload, columns=columns, by=None, now=NOW)
