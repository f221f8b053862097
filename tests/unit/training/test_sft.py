"""The objective and its data, held against cross-entropy computed by hand."""

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.tiny_model import build_tiny_model
from tests.unit.training.conftest import examples
from training.trainer import train
from training.trainer.objectives import sft


class TestSft:
    @pytest.fixture
    def model(self, tiny_model):
        return AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)

    @pytest.fixture
    def trainer(self, model, tiny_model, tmp_path):
        tokenizer = AutoTokenizer.from_pretrained(tiny_model)
        config = {**train.DEFAULTS, "batch_size": 4, "epochs": 1}
        rows, _, _ = sft.fitting(examples(0, 8), tokenizer, 512)
        validation, _, _ = sft.fitting(examples(50, 6), tokenizer, 512)  # 4 and 2: unequal batches
        return sft.build(
            model, tokenizer, rows, validation, config, folder=tmp_path, device=torch.device("cpu"),
            precision="fp32", world=1, callbacks=[],
        )  # fmt: skip

    def by_hand(self, model, dataset):
        """The mean over completion tokens of −log p(token | what stands before it), one example at a time."""
        total = count = 0
        for row in dataset:
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0]
            for position, label in enumerate(row["labels"]):
                if label != -100:
                    total -= logits[position - 1].log_softmax(-1)[label].item()
                    count += 1
        return total / count

    def test_only_the_completion_and_its_end_carry_loss(self, trainer):
        tokenizer = trainer.processing_class
        row = trainer.train_dataset[1]
        learned = [label for label in row["labels"] if label != -100]
        masked = row["input_ids"][: -len(learned)]
        assert tokenizer.decode(learned).endswith("someone you trust about it<|end|>")
        assert tokenizer.decode(masked).endswith("<|assistant|>")
        assert row["labels"][: -len(learned)] == [-100] * len(masked)

    def test_only_the_last_answer_of_a_conversation_carries_loss(self, tiny_model):
        tokenizer = AutoTokenizer.from_pretrained(tiny_model)
        chat = [
            {"role": role, "content": text}
            for role, text in (("system", "good"), ("user", "help"), ("assistant", "yes"), ("user", "please"))
        ]
        row = {"id": "c:0", "prompt": "please", "messages": chat, "system": "bad", "completion": "in its box"}
        (example,), _, _ = sft.fitting([row], tokenizer, 512)
        ids, mask = example["input_ids"], example["completion_mask"]
        answer = {"role": "assistant", "content": "in its box"}
        assert ids == tokenizer.apply_chat_template([*chat, answer], return_dict=True)["input_ids"]
        learned = [token for token, each in zip(ids, mask, strict=True) if each]
        assert (
            ids[: -len(learned)]
            == tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"]
        )
        assert (
            tokenizer.decode(learned).endswith("its box<|end|>")
            and learned.count(tokenizer.eos_token_id) == 1
        )

    def test_training_loss_is_the_cross_entropy(self, trainer, model):
        model.eval()
        batch = trainer.data_collator([trainer.train_dataset[i] for i in range(4)])
        with torch.no_grad():
            loss = super(sft.Trainer, trainer).compute_loss(model, dict(batch)).item()
        assert loss == pytest.approx(self.by_hand(model, trainer.train_dataset.select(range(4))), abs=1e-4)

    @pytest.mark.parametrize("passes", [1, 2, None])
    def test_a_step_loses_the_same_in_one_pass_or_several(self, passes, tmp_path):
        folder = build_tiny_model(tmp_path / "model", dropout=0.0)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        config = {**train.DEFAULTS, "batch_size": 4, "epochs": 1, "gradient_accumulation": passes}
        rows, _, _ = sft.fitting(examples(0, 4), tokenizer, 512)
        trainer = sft.build(
            model, tokenizer, rows, [], config, folder=tmp_path, device=torch.device("cpu"), precision="fp32",
            world=1, callbacks=[],
        )  # fmt: skip
        before = self.by_hand(model, trainer.train_dataset)
        trainer.train()
        assert trainer.state.log_history[0]["loss"] == pytest.approx(before, abs=1e-4)

    def test_an_answer_that_was_cut_off_teaches_no_end(self, trainer, model, tmp_path):
        tokenizer = trainer.processing_class
        cut, whole = examples(0, 2)
        rows, _, _ = sft.fitting([{**cut, "cut_off": True}, whole], tokenizer, 512)
        config = {**train.DEFAULTS, "batch_size": 2, "epochs": 1}
        prepared = sft.build(
            model, tokenizer, rows, [], config, folder=tmp_path, device=torch.device("cpu"), precision="fp32",
            world=1, callbacks=[],
        ).train_dataset  # fmt: skip
        learned = [tokenizer.decode([label for label in row["labels"] if label != -100]) for row in prepared]
        assert learned[0].endswith("in box 0 at home")
        assert learned[1].endswith("someone you trust about it<|end|>")

    def test_validation_loss_is_the_token_mean_whatever_the_batches(self, trainer, model):
        loss = trainer.evaluate()["eval_loss"]
        assert loss == pytest.approx(self.by_hand(model.eval(), trainer.eval_dataset), abs=1e-4)

    def test_counts_the_validation_tokens_once_however_many_batches(self, trainer, monkeypatch):
        counted = []
        count = sft.completion_tokens
        monkeypatch.setattr(sft, "completion_tokens", lambda dataset: counted.append(1) or count(dataset))
        trainer.evaluate()
        assert len(trainer.eval_dataset) > trainer.args.per_device_eval_batch_size
        assert len(counted) == 1

    def test_refuses_a_template_that_never_ends_an_answer(self, trainer):
        tokenizer = trainer.processing_class
        dataset = Dataset.from_list([{"input_ids": [7, 8], "labels": [-100, 8]}])
        with pytest.raises(train.Failure, match="never learn to stop"):
            sft.check_prepared(dataset, 1, tokenizer)
