"""`python -m training.trainer.prepare SOURCE TARGET_DIR [RUN_DIR]`: make a model loadable, once.

SOURCE is `package:NAME` (a model in an installed wheel, as GGUF or as a folder with safetensors), a local
folder, or a hub id. The last line of stdout is `{"path": …, "sha256": …}`.
"""

import json
import sys
from pathlib import Path

from jobs.child import Child, telling_work
from jobs.files import copy_file
from training.trainer.sources import PREFIX, Unusable, claim_target, files_of_package, finish, ready_model


def convert_gguf(gguf, folder):
    """Write the model in a GGUF file as float32 safetensors with its tokenizer and chat template.

    transformers dequantizes the weights as it loads. The loaded model still calls itself quantized, which
    would stop it from being saved, so the weights move into a fresh model of the same configuration.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = torch.float32
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fresh.load_state_dict(loaded.state_dict())
    fresh.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    fresh.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def download(hub_id, folder, events):
    """Fetch a hub model's safetensors, configuration and tokenizer; never code, never pickles."""
    from huggingface_hub import HfApi, constants, hf_hub_download
    from huggingface_hub.errors import HTTPError  # of all that can go wrong on the way

    if constants.HF_HUB_OFFLINE:
        raise Unusable(
            f"{hub_id!r} is neither an installed package nor a local folder, and hub downloads are switched off "
            "here. Check the name, download the model to a folder and name that, or allow the hub."
        )
    try:
        names = [name for name in HfApi().list_repo_files(hub_id) if wanted(name)]
        if not any(name.endswith(".safetensors") for name in names):
            raise Unusable(f"{hub_id!r} holds no safetensors weights, and nothing else is loaded.")
        for number, name in enumerate(names, start=1):
            events.emit("progress", step="download", message=f"{name} ({number} of {len(names)})")
            hf_hub_download(hub_id, name, local_dir=folder)
    except HTTPError as error:
        raise Unusable(f"The hub would not give {hub_id!r}: {error}") from error


def wanted(name):
    return name.endswith((".safetensors", ".json", ".txt", ".jinja", ".model")) and not name.startswith(
        ("onnx/", "openvino/", ".")
    )


def prepare(source, target, events):
    """The ready model of `source`, made in `target` if it isn't there yet. Safe to run many times at once."""
    ready = ready_model(source, target)
    if ready:
        return ready
    with claim_target(target) as (folder, made_meanwhile):
        if made_meanwhile:
            return ready_model(source, target)
        with telling_work(events, folder):
            make(source, folder, events)
    return ready_model(source, target)


def make(source, folder, events):
    """Fill the folder with the ready model of `source`."""
    if source.startswith(PREFIX):
        found = files_of_package(source)
        if found.is_dir():
            events.emit("progress", step="copy", message=f"Copying {found.name}")
            copy_model(found, folder)
        else:
            events.emit("progress", step="convert", message=f"Converting {found.name} to safetensors")
            convert_gguf(found, folder)
    else:
        download(source, folder, events)
    events.emit("progress", step="hash", message="Hashing the weights")
    finish(source, folder, tell=events.beat)


def copy_model(found, folder):
    """Copy a model folder without anything that is code or a pickle."""
    for path in sorted(found.rglob("*")):
        name = path.relative_to(found)
        if path.is_file() and wanted(name.as_posix()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy_file(path, folder / name)


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    source, target, *run_dir = arguments
    with Child(run_dir[0] if run_dir else None, errors={Unusable: "model"}) as child:
        ready = prepare(source, Path(target), child.events)
    if child.exit_code == 0:
        print(json.dumps({"path": str(ready.path), "sha256": ready.sha256}))
    return child.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
