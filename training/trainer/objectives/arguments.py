"""The settings that all objectives give TRL alike."""

from jobs.failures import Failure


def examples_a_pass(config, world, *, one_by_one):
    """(examples of one pass on one device, passes of one optimizer step on it).

    `one_by_one`: unless the configuration says how many passes, one example each; else all at once. On a CPU padding
    costs as much as text: one example a pass has none, and is 1.5 times as quick.
    """
    accumulation = config["gradient_accumulation"]
    if accumulation is None:
        accumulation = config["batch_size"] // world if one_by_one else 1
    passes = accumulation * world
    if not passes or config["batch_size"] % passes:
        raise Failure(
            "config",
            "batch_not_divisible",
            batch=config["batch_size"],
            passes=passes or world,
            accumulation=accumulation or 1,
            world=world,
        )
    return config["batch_size"] // passes, accumulation


def common_arguments(config, folder, device, precision, each, accumulation, *, validation):
    """Keyword arguments for SFTConfig, DPOConfig or KTOConfig."""
    return {
        "output_dir": str(folder),
        "num_train_epochs": config["epochs"],
        "learning_rate": config["learning_rate"],
        "per_device_train_batch_size": each,
        "per_device_eval_batch_size": each,
        "gradient_accumulation_steps": accumulation,
        "lr_scheduler_type": "linear",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "max_length": config["max_length"],
        "seed": config["seed"],
        "data_seed": config["seed"],
        "eval_strategy": "epoch" if validation else "no",
        "eval_on_start": validation,
        "save_strategy": "epoch",  # and by time: progress.py
        "save_total_limit": 2,  # the one being written is not yet known to be whole
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # we want to see them
        "bf16": precision == "bf16",
        "use_cpu": device.type == "cpu",
        "activation_checkpointing": False,
        "dataloader_pin_memory": device.type == "cuda",
        "pad_to_multiple_of": 16 if device.type == "cpu" else None,
        "report_to": "none",
        "disable_tqdm": True,
    }
