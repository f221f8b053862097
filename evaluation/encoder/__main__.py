"""`python -m evaluation.encoder RUN_DIR`: embed texts in batches, saved batch by batch.

A text longer than the model's window (`max_seq_length`: 256 word pieces for all-MiniLM-L6-v2) is embedded by its
beginning, as sentence-transformers does; the `dimension` event counts such texts, `truncated.jsonl` names them.
Batches are planned from the whole list, so a resumed run gives the same bits as one that was not interrupted. Always
float32.
"""

import sys

from evaluation.encoder.vectors import TRUNCATED, VectorFiles
from jobs.child import run_child  # before torch: it sets the environment
from jobs.failures import Failure
from jobs.files import read_lines, write_json, write_lines
from training.trainer.hashing import hash_folder
from training.trainer.loading import choose_device, choose_threads
from training.trainer.versions import library_versions

DEFAULTS = {"texts_file": "texts.jsonl", "batch_size": 32, "device": "auto"}


def load(path, device):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        path,
        device=str(device),
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )


def encode(child):
    config = child.config(DEFAULTS, required=("model_path",))
    texts = read_lines(child.run_dir / config["texts_file"])
    if len({text["id"] for text in texts}) != len(texts):
        raise Failure("bad_data", "text_id_twice", file=config["texts_file"])
    child.events.emit("loading", model=config["model_path"])
    device = choose_device(config["device"])
    threads = choose_threads(config["model_path"])
    try:
        weights = hash_folder(config["model_path"], tell=child.go_on)
    except FileNotFoundError as error:
        raise Failure("model", "encoder_without_weights", words=str(error)) from error
    model = load(config["model_path"], device)
    dimension, window = model.get_embedding_dimension(), model.max_seq_length
    words = [text["text"] for text in texts]
    lengths = [len(ids) for ids in model.tokenizer(words, verbose=False)["input_ids"]] if words else []
    truncated = [
        {"id": text["id"]} for text, length in zip(texts, lengths, strict=True) if window and length > window
    ]
    write_lines(child.run_dir / TRUNCATED, truncated)
    about = {
        "dimension": dimension,
        "window": window,
        "truncated": len(truncated),
        "weights_sha256": weights,
    }
    write_json(child.run_dir / "encoder.json", about)
    child.events.emit("dimension", **about)
    files = VectorFiles(child.run_dir, dimension)
    order = sorted(range(len(texts)), key=lambda position: (-lengths[position], position))
    size = config["batch_size"]
    for batch in (order[start : start + size] for start in range(0, len(order), size)):
        missing = [row for row, position in enumerate(batch) if texts[position]["id"] not in files.done]
        if missing:
            child.go_on()
            rows = model.encode(
                [words[position] for position in batch],
                batch_size=size,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            files.add([texts[batch[row]]["id"] for row in missing], rows[missing])
            child.events.emit("progress", done=len(files.done), total=len(texts))
    write_json(
        child.run_dir / "result.json",
        {
            **about,
            "texts": len(texts),
            "device": str(device),
            "threads": threads,
            "versions": library_versions(),
        },
    )


def main(arguments):
    return run_child(encode, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
