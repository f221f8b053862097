import json
import os
import signal
from pathlib import Path

import pytest

from jobs.files import write_json, write_lines
from jobs.supervisor import python_child, supervise
from tests.unit.training.conftest import examples
from training.trainer import best, train
from training.trainer.hashing import hash_folder
from training.trainer.objectives import sft


def result(folder):
    return json.loads((folder.path / "result.json").read_text())


def steps(folder):
    """Step → loss; a step told twice, after a resume, must be told alike."""
    losses = {}
    for event in folder.kinds("log"):
        assert losses.setdefault(event["step"], event["loss"]) == event["loss"]
    return losses


class TestTrain:
    @pytest.fixture
    def whole(self, training):
        folder = training("whole")
        assert train.main([folder.path]) == 0
        return folder

    def test_learns_and_tells_it(self, whole, tiny_model):
        found = result(whole)
        assert found["steps"] == 10
        assert found["versions"]["trl"]
        assert [event["step"] for event in whole.kinds("log")] == list(range(1, 11))
        assert [event["step"] for event in whole.kinds("eval")] == [0, 5, 10]
        losses = [event["eval_loss"] for event in whole.kinds("eval")]
        assert losses[2] < losses[1] < losses[0]
        assert found["eval_loss"] == losses[2]
        assert found["kept"] == {"step": 10, "epoch": 2.0, "eval_loss": losses[2]}
        assert found["weights_sha256"] == hash_folder(whole.path / "final") != hash_folder(tiny_model)
        assert not (whole.path / "checkpoints").exists()
        assert {path.suffix for path in (whole.path / "final").iterdir()} == {
            ".json",
            ".jinja",
            ".safetensors",
        }

    def test_keeps_the_epoch_with_the_lowest_validation_loss(self, training, monkeypatch):
        """The losses are told as if the second of three epochs were the best; its weights are those of two epochs."""
        told = iter([3.0, 2.0, 1.0, 1.5])
        evaluate = sft.Trainer.evaluate

        def evaluated(self, *args, **kwargs):
            loss = next(told)
            on_evaluate = self.callback_handler.on_evaluate
            self.callback_handler.on_evaluate = lambda args, state, control, metrics: on_evaluate(
                args, state, control, metrics | {"eval_loss": loss}
            )
            try:
                return evaluate(self, *args, **kwargs) | {"eval_loss": loss}
            finally:
                self.callback_handler.on_evaluate = on_evaluate

        monkeypatch.setattr(sft.Trainer, "evaluate", evaluated)
        folder = training("three", epochs=3)
        seen = []
        save = best.save_weights

        def noted(trainer, target, record):
            save(trainer, target, record)
            seen.append((record["step"], hash_folder(target)))

        monkeypatch.setattr(best, "save_weights", noted)

        def hashed(path, **options):
            path = Path(path)
            if path.name == "final" and not (folder.path / "seen").exists():
                (folder.path / "seen").touch()
                raise OSError("gone for a moment")
            return hash_folder(path, **options)

        monkeypatch.setattr(train, "hash_folder", hashed)
        # Ended between the weights and the result, it goes on to the same.
        assert train.main([folder.path]) != 0
        assert train.main([folder.path]) == 0
        found = result(folder)
        assert [step for step, _ in seen] == [5, 10]
        assert found["kept"] == {"step": 10, "epoch": 2.0, "eval_loss": 1.0}
        assert found["weights_sha256"] == hash_folder(folder.path / "final") == seen[-1][1]
        assert not (folder.path / "best").exists() and not (folder.path / "final" / "kept.json").exists()

    def test_keeps_the_last_epoch_without_validation(self, training):
        folder = training("blind", validation=[])
        assert train.main([folder.path]) == 0
        assert result(folder)["kept"] == {"step": 10, "epoch": 2.0, "eval_loss": None}

    def test_gives_the_same_weights_for_the_same_seed_and_others_for_another(self, whole, training):
        same, other = training("same"), training("other", seed=8)
        train.main([same.path])
        train.main([other.path])
        assert result(same)["weights_sha256"] == result(whole)["weights_sha256"]
        assert steps(same) == steps(whole)
        assert result(other)["weights_sha256"] != result(whole)["weights_sha256"]

    def test_saves_and_stops_when_cancelled_and_resumes_bit_for_bit(self, whole, training):
        folder = training("cancelled")
        (folder.path / "CANCEL").touch()
        assert train.main([folder.path]) == 75
        assert folder.events[-1]["status"] == "cancelled"
        assert [event["step"] for event in folder.kinds("checkpoint")] == [1]
        (folder.path / "CANCEL").unlink()
        assert train.main([folder.path]) == 0
        assert folder.kinds("start")[-1]["resumed_from"] == 1
        assert result(folder)["weights_sha256"] == result(whole)["weights_sha256"]
        assert steps(folder) == steps(whole)
        assert result(folder)["train_loss"] == result(whole)["train_loss"]
        assert result(folder)["eval_losses"] == result(whole)["eval_losses"]

    def test_makes_up_for_a_validation_that_a_stop_at_an_epochs_end_left_out(self, training):
        whole, folder = training("whole", examples(0, 4)), training("stopped", examples(0, 4))
        (folder.path / "CANCEL").touch()
        assert train.main([folder.path]) == 75
        assert [event["step"] for event in folder.kinds("eval")] == [0]
        (folder.path / "CANCEL").unlink()
        for each in (whole, folder):
            assert train.main([each.path]) == 0
        assert [event["step"] for event in folder.kinds("eval")] == [0, 1, 2]
        assert result(folder)["eval_losses"] == result(whole)["eval_losses"]

    @pytest.mark.deep
    def test_survives_a_kill_in_another_process_bit_for_bit(self, training):
        whole, killed = training("long", epochs=6), training("killed", epochs=6, save_seconds=0)
        assert train.main([whole.path]) == 0

        def kill(event):
            if event["kind"] == "checkpoint" and event["step"] >= 8:
                os.kill(json.loads((killed.path / "pid.json").read_text())["pid"], signal.SIGKILL)

        outcome = supervise(
            python_child("training.trainer.train", killed.path), killed.path, on_event=kill, poll=0.005
        )
        assert outcome.code == "killed"
        assert not (killed.path / "final").exists()
        assert train.main([killed.path]) == 0
        assert 8 <= killed.kinds("start")[-1]["resumed_from"] < 30
        assert result(killed)["weights_sha256"] == result(whole)["weights_sha256"]

    def test_saves_by_time_too_keeps_two_checkpoints_and_gives_the_same_weights(self, whole, training):
        folder = training("by-the-clock", save_seconds=0)
        kept = []

        class Watching(sft.Trainer):
            def _save_checkpoint(self, *args, **kwargs):
                super()._save_checkpoint(*args, **kwargs)
                kept.append(len(list((folder.path / "checkpoints").glob("checkpoint-*"))))

        before, sft.Trainer = sft.Trainer, Watching
        try:
            assert train.main([folder.path]) == 0
        finally:
            sft.Trainer = before
        every_step = [event["step"] for event in folder.kinds("log")]
        assert [event["step"] for event in folder.kinds("checkpoint")] == every_step
        assert [event["step"] for event in whole.kinds("checkpoint")] == [5, 10]
        assert max(kept) <= 2
        assert result(folder)["weights_sha256"] == result(whole)["weights_sha256"]

    def test_goes_on_with_a_manifest_that_names_settings_of_an_earlier_version(self, whole, training):
        folder = training("yesterday")
        (folder.path / "CANCEL").touch()
        train.main([folder.path])
        (folder.path / "CANCEL").unlink()
        manifest = json.loads((folder.path / "manifest.json").read_text())
        manifest["config"] |= {"warmup": 0.0, "scheduler": "linear", "save_every": None}
        write_json(folder.path / "manifest.json", manifest)
        assert train.main([folder.path]) == 0
        assert folder.kinds("start")[-1]["resumed_from"] == 1
        assert result(folder)["weights_sha256"] == result(whole)["weights_sha256"]

    def test_does_nothing_more_once_complete(self, whole):
        before = result(whole)
        assert train.main([whole.path]) == 0
        assert result(whole) == before
        assert len(whole.kinds("start")) == 1

    def test_refuses_to_resume_under_another_configuration(self, training):
        folder = training("changed")
        (folder.path / "CANCEL").touch()
        train.main([folder.path])
        (folder.path / "CANCEL").unlink()
        write_json(folder.path / "config.json", {**folder.config, "learning_rate": 2e-3})
        assert train.main([folder.path]) != 0
        assert folder.events[-1]["code"] == "config"
        assert "different: config" in folder.events[-1]["message"]

    def test_starts_over_where_the_libraries_have_changed(self, whole, training):
        folder = training("moved")
        (folder.path / "CANCEL").touch()
        train.main([folder.path])
        (folder.path / "CANCEL").unlink()
        manifest = json.loads((folder.path / "manifest.json").read_text())
        write_json(folder.path / "manifest.json", {**manifest, "threads": 99})
        assert train.main([folder.path]) == 0
        assert "threads" in folder.kinds("restart")[0]["message"]
        assert folder.kinds("start")[-1]["resumed_from"] is None
        assert result(folder)["weights_sha256"] == result(whole)["weights_sha256"]

    def test_refuses_a_dataset_that_is_not_the_frozen_one(self, training):
        folder = training("tampered")
        write_lines(folder.path / "dataset.jsonl", examples(0, 17))
        assert train.main([folder.path]) == 65
        assert folder.events[-1]["code"] == "bad_data"
        assert "not the frozen training set" in folder.events[-1]["message"]

    def test_leaves_out_what_would_be_cut_and_says_so(self, training):
        long = {"id": "long", "prompt": "how", "completion": "good answer " * 60}
        folder = training("long", [*examples(0, 8), long], [], max_length=64, epochs=1)
        assert train.main([folder.path]) == 0
        assert folder.kinds("left_out")[0]["ids"] == ["long"]
        assert result(folder)["examples"] == 8
        assert result(folder)["left_out"] == 1
        assert result(folder)["eval_loss"] is None

    def test_ends_with_advice_when_the_loss_is_not_a_number(self, training):
        folder = training("wild", learning_rate=1e25, precision="fp32")
        assert train.main([folder.path]) == 1
        assert folder.events[-1]["code"] == "nan_loss"
        assert "lower learning rate" in folder.events[-1]["message"]

    @pytest.mark.parametrize(
        ("config", "code", "words"),
        [
            ({"objective": "ppo"}, "config", "there is sft"),
            ({"gradient_accumulation": 3}, "config", "can't be cut into 3 equal passes"),
            ({"max_length": 3}, "bad_data", "raise max_length"),
            ({"rate": 3}, "config", "unknown ['rate']"),
        ],
    )
    def test_refuses_what_can_not_be_with_a_reason(self, training, config, code, words):
        folder = training("bad", **config)
        assert train.main([folder.path]) != 0
        assert folder.events[-1]["code"] == code
        assert words in folder.events[-1]["message"]

    def test_refuses_an_empty_completion(self, training):
        folder = training("empty", [{"id": 1, "prompt": "a", "completion": " "}])
        assert train.main([folder.path]) == 65
        assert "dataset.jsonl, line 1" in folder.events[-1]["message"]

    def test_learns_from_a_conversation(self, training):
        chat = [
            {"role": role, "content": text}
            for role, text in (("user", "a"), ("assistant", "b"), ("user", "c"))
        ]
        rows = [*examples(0, 3), {"id": "c:0", "prompt": "c", "messages": chat, "completion": "good box"}]
        folder = training("talk", rows, [], epochs=1)
        assert train.main([folder.path]) == 0
        assert result(folder)["examples"] == 4
