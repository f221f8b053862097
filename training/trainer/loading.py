"""Loading models and tokenizers: safetensors from local folders, never code that comes with a model."""

import os
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from jobs.failures import Failure

logging.disable_progress_bar()

TINY_BYTES = 20_000_000


def choose_device(wish):
    """ "auto" is the GPU where there is one."""
    if wish != "auto":
        return torch.device(wish)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def make_repeatable(device):
    """The same operations give the same bits. The CPU's do anyway."""
    if device.type == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False


def training_precision(wish, device):
    """ "auto" is bf16 (the weights and the optimizer stay fp32) where the hardware multiplies in it: twice as quick,
    with the same losses to about 1 %. Elsewhere bf16 would be slower, and it is fp32."""
    if wish != "auto":
        return wish
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if device.type == "cpu" and fast else "fp32"


def generation_precision(wish, device):
    """ "auto" is fp32 on a CPU, where a row's text then doesn't depend on its batch, and bf16 on a GPU."""
    return wish if wish != "auto" else "fp32" if device.type == "cpu" else "bf16"


def choose_threads(path):
    """Use as many threads as this process has cores, unless OMP_NUM_THREADS says otherwise. Returns how many.

    A tiny model gets one: its threads would wait for each other longer than they work.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        weights = sum(file.stat().st_size for file in Path(path).glob("*.safetensors"))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        torch.set_num_threads(1 if weights < TINY_BYTES else cores)
    return torch.get_num_threads()


def load_tokenizer(path):
    """The tokenizer with its chat template. Raises Failure("model") where the folder can't serve a chat."""
    check_folder(path)
    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    if not tokenizer.chat_template:
        raise Failure("model", "no_chat_template", folder=str(path))
    if tokenizer.eos_token_id is None:
        raise Failure("model", "no_end_token", folder=str(path))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(path, *, dtype, device):
    check_folder(path)
    model = AutoModelForCausalLM.from_pretrained(
        path, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    return model.to(device)


def check_folder(path):
    path = Path(path)
    if not (path / "config.json").is_file():
        raise Failure("model", "no_model_folder", folder=str(path))
    if not any(path.glob("*.safetensors")):
        raise Failure("model", "no_safetensors", folder=str(path))
