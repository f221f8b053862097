"""Direct preference optimization, by TRL's DPOTrainer: of two answers to one prompt the chosen one becomes likelier
than the rejected one, against the model that the run begins with. A row's `weight` says how much its pair counts.
"""

import torch
from datasets import Dataset
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from training.trainer.objectives.arguments import common_arguments, examples_a_pass
from training.trainer.objectives.lora import adapter_of
from training.trainer.objectives.reference import Referenced, encode
from training.trainer.objectives.texts import check_texts
from training.trainer.objectives.weighted_sft import check_weights, with_mean_one


class Collator(DataCollatorForPreference):
    def torch_call(self, examples):
        batch = super().torch_call(examples)
        batch["weight"] = torch.tensor([example["weight"] for example in examples])
        return batch


class Trainer(Referenced, DPOTrainer):
    """DPOTrainer whose pairs have weights of mean 1: w · −log σ(β · margin). Validation has none."""

    REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")

    def _set_signature_columns_if_needed(self):
        super()._set_signature_columns_if_needed()
        if "weight" not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, "weight"]

    def compute_ref_log_probs(self, model, inputs):
        return super().compute_ref_log_probs(model, without_weight(inputs))

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        weight = inputs["weight"]
        if not self.model.training or bool((weight == 1).all()):
            return super().compute_loss(model, without_weight(inputs), return_outputs, num_items_in_batch)
        outputs = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        chosen, rejected = log_probabilities(outputs.logits, inputs).chunk(2)
        margin = (chosen - inputs["ref_chosen_logps"]) - (rejected - inputs["ref_rejected_logps"])
        loss = (weight * -torch.nn.functional.logsigmoid(self.beta * margin)).mean()
        return (loss, outputs) if return_outputs else loss


def without_weight(inputs):
    return {key: value for key, value in inputs.items() if key != "weight"}


def log_probabilities(logits, inputs):
    """log p of every row's answer, given what stands before it."""
    targets = inputs["input_ids"][:, 1:]
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2).float(), targets, reduction="none"
    )
    return -(losses * inputs["completion_mask"][:, 1:]).sum(dim=1)


def tokens(dataset):
    return sum(
        2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in dataset
    )


def completion_tokens(dataset):
    return sum(len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in dataset)


def check_rows(rows, name):
    check_texts(rows, name, ("prompt", "chosen", "rejected"))
    check_weights(rows, name)


def fitting(rows, tokenizer, max_length):
    """As the package says; a pair is left out where either of its answers doesn't fit."""
    if not rows:
        return [], [], 0
    chosen = encode(rows, tokenizer, "chosen", "chosen_cut_off")
    rejected = encode(rows, tokenizer, "rejected", "rejected_cut_off")
    longest = [max(one[-1], other[-1]) for one, other in zip(chosen, rejected, strict=True)]
    kept, weights, left_out = [], [], []
    for row, better, worse, length in zip(rows, chosen, rejected, longest, strict=True):
        if length > max_length:
            left_out.append(row.get("id"))
            continue
        kept.append({"prompt_ids": better[0], "chosen_ids": better[1], "rejected_ids": worse[1]})
        weights.append(row["weight"])
    return with_mean_one(kept, weights), left_out, max(longest)


def build(model, tokenizer, train, validation, config, *, folder, device, precision, world, callbacks, tell):
    each, accumulation = examples_a_pass(config, world, one_by_one=device.type == "cpu")
    arguments = DPOConfig(
        **common_arguments(
            config, folder, device, precision, each, accumulation, validation=bool(validation)
        ),
        beta=config["beta"],
        precompute_ref_log_probs=True,
    )
    return Trainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(train),
        eval_dataset=Dataset.from_list(validation) if validation else None,
        processing_class=tokenizer,
        data_collator=Collator(
            pad_token_id=tokenizer.pad_token_id, pad_to_multiple_of=arguments.pad_to_multiple_of
        ),
        peft_config=adapter_of(config),
        callbacks=callbacks,
        tell=tell,
    )
