"""A tiny model, loaded in this process: what starts torch costs seconds, and most of what is tested doesn't need a
process of its own."""

import itertools
import os

import pytest

from jobs.files import read_lines, write_json, write_lines
from tests.tiny_model import build_tiny_model
from training.trainer.hashing import hash_file


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """In this process and in the children: other tests keep the cores busy, and threads would wait for them."""
    import torch

    before, threads = os.environ.get("OMP_NUM_THREADS"), torch.get_num_threads()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    if before is None:
        del os.environ["OMP_NUM_THREADS"]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny", dropout=0.1)


def examples(start, count):
    """Rows for training, of different lengths."""
    ends = itertools.cycle(
        ["at home", "and ask someone you trust about it", "", "with the good answer in its own box"]
    )
    return [
        {
            "id": number,
            "prompt": f"how do I do task {number} please",
            "completion": f"keep it in box {number} {end}",
        }
        for number, end in zip(range(start, start + count), ends, strict=False)
    ]


class Folder:
    """A run directory being prepared, and read."""

    def __init__(self, path, **config):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.config = config
        write_json(path / "config.json", config)

    @property
    def events(self):
        return read_lines(self.path / "events.jsonl")

    def kinds(self, kind):
        return [event for event in self.events if event["kind"] == kind]

    def lines(self, name):
        return read_lines(self.path / name)


@pytest.fixture
def generation(tmp_path, tiny_model):
    """Makes a generation's directory: generation("name", prompts, **config)."""

    def make(name, prompts, **config):
        config = {
            "model_path": str(tiny_model),
            "batch_size": 4,
            "sampling": {"max_new_tokens": 8, "temperature": 0.9, "top_p": 0.9, "repetition_penalty": 1.1},
            "precision": "fp32",
            **config,
        }
        folder = Folder(tmp_path / name, **config)
        write_lines(folder.path / "prompts.jsonl", prompts)
        return folder

    return make


@pytest.fixture
def training(tmp_path, tiny_model):
    """Makes a training run's directory: training("name", rows, validation, **config)."""

    def make(name, rows=None, validation=None, **config):
        path = tmp_path / name
        path.mkdir()
        write_lines(path / "dataset.jsonl", examples(0, 18) if rows is None else rows)
        write_lines(path / "validation.jsonl", examples(50, 6) if validation is None else validation)
        config = {
            "objective": "sft",
            "model_path": str(tiny_model),
            "dataset_sha256": hash_file(path / "dataset.jsonl"),
            "learning_rate": 1e-3,
            "epochs": 2,
            "batch_size": 4,
            "seed": 7,
            **config,
        }
        return Folder(path, **config)

    return make


def pairs(start, count):
    """Rows of two answers each, all of the same weight."""
    return [
        {
            "id": row["id"],
            "prompt": row["prompt"],
            "chosen": row["completion"],
            "rejected": "no I can not help with that" + " yes" * (row["id"] % 3),
            "weight": 0.5,
        }
        for row in examples(start, count)
    ]


def labelled(start, count):
    """Rows of one answer each, every second one poor."""
    return [
        {
            "id": row["id"],
            "prompt": row["prompt"],
            "completion": row["completion"] if row["id"] % 2 else f"bad answer {row['id']} yes yes",
            "desirable": bool(row["id"] % 2),
        }
        for row in examples(start, count)
    ]
