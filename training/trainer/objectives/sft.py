"""The SFT objective: cross-entropy on the tokens of the completion alone, by TRL's SFTTrainer."""

import torch
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from jobs.failures import Failure
from training.trainer.objectives.arguments import common_arguments, examples_a_pass
from training.trainer.objectives.lora import adapter_of
from training.trainer.objectives.texts import check_texts, encode_answers, opens_at

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
        self.tokens_per_example = completion_tokens(self.eval_dataset) / len(self.eval_dataset)
        with torch.random.fork_rng():
            return super().evaluate(*args, **kwargs)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if not self.model.training:
            examples = len(inputs["input_ids"]) * self.accelerator.num_processes
            num_items_in_batch = examples * self.tokens_per_example
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)


def completion_tokens(dataset):
    """How many tokens of a prepared dataset carry loss."""
    return sum(sum(label != -100 for label in labels) for labels in dataset["labels"])


def tokens(dataset):
    return sum(map(len, dataset["input_ids"]))


def check_rows(rows, name):
    check_texts(rows, name, TEXTS)


def fitting(rows, tokenizer, max_length):
    """(examples that fit into max_length, ids of the rows that don't, the longest row's tokens).

    An example has `input_ids`, the whole chat, and `completion_mask`, 1 where a token is the answer's. A row that
    doesn't fit is left out: cut, it would teach the model to stop in mid-sentence, or never to.
    """
    if not rows:
        return [], [], 0
    prompts, wholes = encode_answers(rows, tokenizer, "completion")
    kept = [
        example_of(prompt, whole, row.get("cut_off", False))
        for prompt, whole, row in zip(prompts, wholes, rows, strict=True)
        if len(whole) <= max_length
    ]
    left_out = [row.get("id") for row, whole in zip(rows, wholes, strict=True) if len(whole) > max_length]
    return kept, left_out, max(map(len, wholes))


def example_of(prompt, whole, cut_off):
    """What TRL makes of a prompt and its completion: the completion begins where the two token lists part."""
    common = opens_at(prompt, whole)
    return {
        "input_ids": whole,
        "completion_mask": [0] * common + [1] * (len(whole) - common),
        "cut_off": cut_off,
    }


def build(
    model, tokenizer, train, validation, config, *, folder, device, precision, world, callbacks, tell=None,
    trainer=None, collator=None,
):  # fmt: skip
    """The trainer, its data prepared and checked. train, validation: lists from `fitting`.

    `trainer`, `collator`: the class that takes Trainer's place, and what makes its batches.
    """
    each, accumulation = examples_a_pass(config, world, one_by_one=device.type == "cpu")
    arguments = SFTConfig(
        **common_arguments(
            config, folder, device, precision, each, accumulation, validation=bool(validation)
        ),
        completion_only_loss=True,
    )
    trainer = (trainer or Trainer)(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(train),
        eval_dataset=Dataset.from_list(validation) if validation else None,
        processing_class=tokenizer,
        data_collator=collator,
        peft_config=adapter_of(config),
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
        raise Failure("model", "examples_without_loss", examples=expected, with_loss=len(dataset))
    for labels in dataset["labels"]:
        if tokenizer.eos_token_id not in labels:
            raise Failure("model", "template_without_end", token=repr(tokenizer.eos_token))


def without_ends(dataset, examples, tokenizer):
    """The prepared dataset, in which an answer that was cut off carries no loss on its end.

    The chat template closes every answer; where the model had not, learning that close would teach it to stop in
    mid-sentence.
    """
    if not any(example["cut_off"] for example in examples):
        return dataset

    def mask(example, position):
        labels = example["labels"]
        if examples[position]["cut_off"]:
            end = max(at for at, label in enumerate(labels) if label == tokenizer.eos_token_id)
            labels = labels[:end] + [-100] * (len(labels) - end)
        return {"labels": labels}

    return dataset.map(mask, with_indices=True)
