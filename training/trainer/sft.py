"""The SFT objective: cross-entropy on the tokens of the completion alone, by TRL's SFTTrainer."""

import torch
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from jobs.failures import Failure

TEXTS = ("prompt", "completion")


class Trainer(SFTTrainer):
    """SFTTrainer whose validation loss is the mean over all completion tokens.

    transformers averages the batches' means weighted by their examples, so the same model would get another loss under
    another batch size. Dividing a batch's sum by its examples times the mean tokens of an example makes that
    average the token mean.

    Evaluating leaves the random state alone: otherwise a run that is resumed right before a validation would draw
    another dropout than one that was not interrupted.
    """

    def evaluate(self, *args, **kwargs):
        with torch.random.fork_rng():
            return super().evaluate(*args, **kwargs)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if not self.model.training:
            per_example = completion_tokens(self.eval_dataset) / len(self.eval_dataset)
            num_items_in_batch = len(inputs["input_ids"]) * per_example * self.accelerator.num_processes
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)


def completion_tokens(dataset):
    """How many tokens of a prepared dataset carry loss."""
    return sum(sum(label != -100 for label in labels) for labels in dataset["labels"])


def conversation(row):
    """One line of dataset.jsonl as TRL's conversational prompt and completion."""
    system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    return {
        "prompt": [*system, {"role": "user", "content": row["prompt"]}],
        "completion": [{"role": "assistant", "content": row["completion"]}],
        "cut_off": row.get("cut_off", False),
    }


def check_rows(rows, name):
    for number, row in enumerate(rows, start=1):
        if not all(isinstance(row.get(key), str) and row[key].strip() for key in TEXTS):
            raise Failure(
                "bad_data", f"{name}, line {number}: needs a prompt and a completion that are not empty."
            )


def fitting(rows, tokenizer, max_length):
    """(conversations that fit into max_length, ids of the rows that don't, the longest row's tokens).

    A row that doesn't fit is left out: cut, it would teach the model to stop in mid-sentence, or never to.
    """
    conversations = [conversation(row) for row in rows]
    if not rows:
        return [], [], 0
    chats = [chat["prompt"] + chat["completion"] for chat in conversations]
    lengths = [len(ids) for ids in tokenizer.apply_chat_template(chats, return_dict=True)["input_ids"]]
    kept = [chat for chat, length in zip(conversations, lengths, strict=True) if length <= max_length]
    left_out = [row.get("id") for row, length in zip(rows, lengths, strict=True) if length > max_length]
    return kept, left_out, max(lengths)


def build(model, tokenizer, train, validation, config, *, folder, device, precision, world, callbacks):
    """The trainer, its data prepared and checked. train, validation: lists from `fitting`."""
    accumulation = config["gradient_accumulation"]
    if accumulation is None:
        # On a CPU padding costs as much as text. One example a pass has none, and is 1.5 times as quick.
        accumulation = config["batch_size"] // world if device.type == "cpu" else 1
    passes = accumulation * world
    if not passes or config["batch_size"] % passes:
        raise Failure(
            "config",
            f"A batch of {config['batch_size']} can't be cut into {passes or world} equal passes "
            f"({accumulation or 1} on each of {world} processes).",
        )
    each = config["batch_size"] // passes
    every = config["save_every"]
    arguments = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=config["epochs"],
        learning_rate=config["learning_rate"],
        per_device_train_batch_size=each,
        per_device_eval_batch_size=each,
        gradient_accumulation_steps=accumulation,
        lr_scheduler_type=config["scheduler"],
        warmup_steps=config["warmup"],
        weight_decay=config["weight_decay"],
        max_grad_norm=config["max_grad_norm"],
        max_length=config["max_length"],
        completion_only_loss=True,
        seed=config["seed"],
        data_seed=config["seed"],
        eval_strategy="epoch" if validation else "no",
        eval_on_start=bool(validation),
        save_strategy="steps" if every else "epoch",
        save_steps=every or 500,
        save_total_limit=2,  # the one being written is not yet known to be whole
        logging_steps=1,
        logging_nan_inf_filter=False,  # we want to see them
        bf16=precision == "bf16",
        use_cpu=device.type == "cpu",
        activation_checkpointing=config["activation_checkpointing"],
        dataloader_pin_memory=device.type == "cuda",
        pad_to_multiple_of=16 if device.type == "cpu" else None,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(train),
        eval_dataset=Dataset.from_list(validation) if validation else None,
        processing_class=tokenizer,
        callbacks=callbacks,
    )
    check_prepared(trainer.train_dataset, len(train), tokenizer)
    trainer.train_dataset = without_ends(trainer.train_dataset, train, tokenizer)
    if validation:
        check_prepared(trainer.eval_dataset, len(validation), tokenizer)
        trainer.eval_dataset = without_ends(trainer.eval_dataset, validation, tokenizer)
    return trainer


def check_prepared(dataset, expected, tokenizer):
    """Every example is there and teaches the end of the answer. Raises Failure("model")."""
    if len(dataset) != expected:
        raise Failure("model", f"Of {expected} examples only {len(dataset)} have tokens that carry loss.")
    for labels in dataset["labels"]:
        if tokenizer.eos_token_id not in labels:
            raise Failure(
                "model",
                f"The chat template doesn't close an answer with the model's end token {tokenizer.eos_token!r}, so "
                "the model would never learn to stop: choose a model whose template does.",
            )


def without_ends(dataset, conversations, tokenizer):
    """The prepared dataset, in which an answer that was cut off carries no loss on its end.

    The chat template closes every answer; where the model had not, learning that close would teach it to stop in
    mid-sentence.
    """
    if not any(chat["cut_off"] for chat in conversations):
        return dataset

    def mask(example, position):
        labels = example["labels"]
        if conversations[position]["cut_off"]:
            end = max(at for at, label in enumerate(labels) if label == tokenizer.eos_token_id)
            labels = labels[:end] + [-100] * (len(labels) - end)
        return {"labels": labels}

    return dataset.map(mask, with_indices=True)


def make_repeatable(device):
    """The same operations give the same bits. The CPU's do anyway."""
    if device.type == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
