"""Low-rank adapters: a run with a `lora_rank` trains these alone, and merges the ones it keeps into the weights."""

import shutil

import torch
from peft import LoraConfig, PeftModel

from jobs.files import new_folder
from training.trainer.loading import load_model

ADAPTER = "adapter"
"""The folder, in that of the merged weights, that the adapter is kept in."""


def adapter_of(config):
    """What peft is to train beside the weights, or None for the weights themselves.

    α is twice the rank, so that the same learning rate serves every rank; all linear layers get one but the last, whose
    weights TRL reads by themselves.
    """
    if not config["lora_rank"]:
        return None
    rank = config["lora_rank"]
    return LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def merge(folder, model_path):
    """Make a model folder of one that holds an adapter alone: the weights merged, the adapter in `adapter/`.

    Whole or not at all; a folder that is merged already stays.
    """
    if not (folder / "adapter_config.json").exists():
        return
    model = load_model(model_path, dtype=torch.float32, device=torch.device("cpu"))
    merged = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    with new_folder(folder) as whole:
        merged.save_pretrained(whole)
        (whole / ADAPTER).mkdir()
        for file in folder.iterdir():
            shutil.copy2(file, (whole / ADAPTER if file.name.startswith("adapter") else whole) / file.name)
