"""Kahneman–Tversky optimization, by TRL's KTOTrainer: answers that are each good or poor by themselves, no pairs.

TRL holds every answer against the mean of a pass' answers under each other's prompts. So a pass has two examples or
more, and the order of examples is fixed for the run: it is drawn by the seed here.
"""

import random

from datasets import Dataset
from trl import KTOConfig, KTOTrainer

from jobs.failures import Failure
from training.trainer.objectives.arguments import common_arguments, examples_a_pass
from training.trainer.objectives.lora import adapter_of
from training.trainer.objectives.reference import Referenced, encode
from training.trainer.objectives.texts import check_texts


class Trainer(Referenced, KTOTrainer):
    REFERENCE = ("ref_logps", "ref_KL_logps")


def tokens(dataset):
    return sum(len(row["prompt_ids"]) + len(row["completion_ids"]) for row in dataset)


def completion_tokens(dataset):
    return sum(len(row["completion_ids"]) for row in dataset)


def check_rows(rows, name):
    check_texts(rows, name, ("prompt", "completion"))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row.get("desirable"), bool):
            raise Failure("bad_data", "line_without_desirable", file=name, line=number)


def fitting(rows, tokenizer, max_length):
    if not rows:
        return [], [], 0
    encoded = encode(rows, tokenizer, "completion", "cut_off")
    kept = [
        {"prompt_ids": prompt, "completion_ids": answer, "label": row["desirable"]}
        for row, (prompt, answer, length) in zip(rows, encoded, strict=True)
        if length <= max_length
    ]
    left_out = [row.get("id") for row, each in zip(rows, encoded, strict=True) if each[-1] > max_length]
    return kept, left_out, max(each[-1] for each in encoded)


def balance(labels):
    """(weight of the good, weight of the poor): what is rarer weighs more, so that both weigh the same together."""
    good = sum(labels)
    poor = len(labels) - good
    if not good or not poor:
        raise Failure("bad_data", "one_sort_of_answers", good=good, poor=poor)
    return max(poor / good, 1.0), max(good / poor, 1.0)


def beside_each_other(examples, each):
    """The examples with `KL_completion_ids`, the answer of their neighbour in the same pass of `each`."""
    found = []
    for start in range(0, len(examples), each):
        together = examples[start : start + each]
        found += [
            {**example, "KL_completion_ids": together[place - 1]["completion_ids"]}
            for place, example in enumerate(together)
        ]
    return found


def build(model, tokenizer, train, validation, config, *, folder, device, precision, world, callbacks, tell):
    each, accumulation = examples_a_pass(config, world, one_by_one=False)
    if each < 2:
        raise Failure("config", "pass_of_one", each=each)
    good, poor = balance([example["label"] for example in train])
    shuffled = random.Random(config["seed"]).sample(train, len(train))
    arguments = KTOConfig(
        **common_arguments(
            config, folder, device, precision, each, accumulation, validation=bool(validation)
        ),
        beta=config["beta"],
        desirable_weight=good,
        undesirable_weight=poor,
        precompute_ref_log_probs=True,
    )
    return Trainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(beside_each_other(shuffled, each)),
        eval_dataset=Dataset.from_list(beside_each_other(validation, each)) if validation else None,
        processing_class=tokenizer,
        peft_config=adapter_of(config),
        callbacks=callbacks,
        tell=tell,
    )
