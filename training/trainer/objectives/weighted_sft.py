"""SFT in which an example counts as much as its label is sure: each row's `weight` multiplies the loss of its tokens.

TRL drops such a column without a word, so the loss is ours; with weights of one it is that of SFTTrainer.
"""

import torch
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from jobs.failures import Failure
from training.trainer.objectives import sft
from training.trainer.objectives.sft import completion_tokens, tokens

__all__ = ["build", "check_rows", "completion_tokens", "fitting", "tokens"]


class Collator(DataCollatorForLanguageModeling):
    def torch_call(self, examples):
        batch = super().torch_call(examples)
        batch["weight"] = torch.tensor([example["weight"] for example in examples])
        return batch


class Trainer(sft.Trainer):
    """The sum of w · −log p over a step's completion tokens, divided by how many they are. Validation has no weights.

    Divided by the step's tokens, and not by a batch's weights, a step is the same however it is cut into passes.
    """

    def _set_signature_columns_if_needed(self):
        super()._set_signature_columns_if_needed()
        if "weight" not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, "weight"]

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        weight = inputs.pop("weight")
        if not self.model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"][:, 1:]
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        losses = torch.nn.functional.cross_entropy(
            outputs.logits[:, :-1].transpose(1, 2).float(), labels, ignore_index=-100, reduction="none"
        )
        count = (labels != -100).sum() if num_items_in_batch is None else num_items_in_batch
        loss = (losses * weight[:, None]).sum() / torch.as_tensor(count, device=losses.device).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


def check_rows(rows, name):
    sft.check_rows(rows, name)
    check_weights(rows, name)


def check_weights(rows, name):
    """Raise Failure("bad_data") unless every row's weight is a number above 0."""
    for number, row in enumerate(rows, start=1):
        weight = row.get("weight")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
            raise Failure("bad_data", "line_without_weight", file=name, line=number)


def fitting(rows, tokenizer, max_length):
    kept, left_out, longest = sft.fitting(rows, tokenizer, max_length)
    out = set(left_out)
    weights = [row["weight"] for row in rows if row.get("id") not in out]
    return with_mean_one(kept, weights), left_out, longest


def with_mean_one(examples, weights):
    """The examples with their weights, which are scaled to a mean of 1 so that the learning rate keeps its meaning."""
    if len(set(weights)) < 2:
        return [{**example, "weight": 1.0} for example in examples]
    mean = sum(weights) / len(weights)
    return [{**example, "weight": weight / mean} for example, weight in zip(examples, weights, strict=True)]


def build(model, tokenizer, train, validation, config, *, device, **rest):
    collator = Collator(
        pad_token_id=tokenizer.pad_token_id, pad_to_multiple_of=16 if device.type == "cpu" else None
    )
    return sft.build(
        model, tokenizer, train, validation, config, device=device, trainer=Trainer, collator=collator, **rest
    )
