"""What TRL lacks, held against TRL's own numbers and against losses computed by hand."""

import json

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

from tests.unit.training.conftest import examples, labelled, pairs
from training.trainer import train
from training.trainer.hashing import hash_folder
from training.trainer.objectives import OBJECTIVES, dpo, kto, sft, weighted_sft
from training.trainer.objectives.lora import ADAPTER

CPU = torch.device("cpu")


def result(folder):
    return json.loads((folder.path / "result.json").read_text())


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.fixture
def model(tiny_model):
    return load(tiny_model)


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


@pytest.fixture
def tokenizer(tiny_model):
    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture
def build(tiny_model, tokenizer, tmp_path):
    """Makes the trainer of an objective on the tiny model: build(dpo, rows, validation, **config)."""

    def make(objective, rows, validation=(), **config):
        config = {**train.DEFAULTS, "batch_size": 4, "epochs": 1, "learning_rate": 1e-3, **config}
        model = load(tiny_model)
        model.config.attention_dropout = 0.0
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = 0.0
        return objective.build(
            model, tokenizer, objective.fitting(rows, tokenizer, 512)[0],
            objective.fitting(list(validation), tokenizer, 512)[0], config, folder=tmp_path, device=CPU,
            precision="fp32", world=1, callbacks=[], tell=lambda: None,
        )  # fmt: skip

    return make


def weighted(rows, *given):
    return [{**row, "weight": weight} for row, weight in zip(rows, given, strict=True)]


def learned(trainer):
    trainer.train()
    return weights(trainer.model)


def gradient(trainer, places=None):
    """Of the loss of some examples (all, without `places`) as one batch."""
    places = range(len(trainer.train_dataset)) if places is None else places
    names = trainer.train_dataset.column_names
    keep = [name for name in names if name in ("input_ids", "labels", "weight")]
    batch = trainer.data_collator([{name: trainer.train_dataset[at][name] for name in keep} for at in places])
    trainer.model.train()
    trainer.model.zero_grad()
    trainer.compute_loss(trainer.model, batch).backward()
    return torch.cat([parameter.grad.flatten() for parameter in trainer.model.parameters()])


class TestWeightedSft:
    def test_is_plain_sft_where_all_weigh_the_same(self, build):
        plain, same = build(sft, examples(0, 8)), build(weighted_sft, weighted(examples(0, 8), *[0.3] * 8))
        assert torch.allclose(gradient(plain), gradient(same), atol=1e-6)

    def test_a_step_is_the_same_however_it_is_cut_into_passes(self, build):
        rows = weighted(examples(0, 4), 1, 2, 0.5, 0.1)
        one, four = (learned(build(weighted_sft, rows, gradient_accumulation=passes)) for passes in (1, 4))
        assert torch.allclose(one, four, atol=1e-5)
        assert not torch.allclose(one, learned(build(sft, examples(0, 4))), atol=1e-5)

    def test_a_row_counts_as_much_as_its_weight_of_mean_one(self, build):
        rows = examples(0, 2)
        weighing, plain = build(weighted_sft, weighted(rows, 2, 1)), build(sft, rows)
        for at, weight in enumerate((4 / 3, 2 / 3)):
            assert weighing.train_dataset[at]["weight"] == pytest.approx(weight)
            of_plain = gradient(plain, [at])
            assert torch.allclose(gradient(weighing, [at]), weight * of_plain, atol=1e-6)


class TestDpo:
    def test_its_loss_is_the_one_reckoned_by_hand(self, build, model):
        trainer = build(dpo, pairs(0, 3), beta=0.5)
        with torch.no_grad():
            for parameter in trainer.model.parameters():
                parameter.mul_(1.01)
        trainer.model.eval()
        by_hand = []
        for row in trainer.train_dataset:
            sums = {}
            for name, asked in (("policy", trainer.model), ("reference", model.eval())):
                for answer in ("chosen_ids", "rejected_ids"):
                    ids = row["prompt_ids"] + row[answer]
                    with torch.no_grad():
                        logs = asked(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
                    begin = len(row["prompt_ids"])
                    sums[name, answer] = sum(
                        logs[place - 1, ids[place]].item() for place in range(begin, len(ids))
                    )
            margin = (sums["policy", "chosen_ids"] - sums["reference", "chosen_ids"]) - (
                sums["policy", "rejected_ids"] - sums["reference", "rejected_ids"]
            )
            by_hand.append(-torch.nn.functional.logsigmoid(torch.tensor(0.5 * margin)).item())
        batch = trainer.data_collator([trainer.train_dataset[at] for at in range(3)])
        assert trainer.compute_loss(trainer.model, batch).item() == pytest.approx(sum(by_hand) / 3, abs=1e-4)

    def test_weights_of_one_are_trls_own_trainer(self, build, model, tiny_model, tokenizer, tmp_path):
        ours = build(dpo, pairs(0, 8), gradient_accumulation=1)
        step = ours.data_collator([ours.train_dataset[at] for at in range(4)])
        as_weighted = {**step, "weight": torch.full((4,), 1.0 + 1e-7)}
        ours.model.train()
        assert ours.compute_loss(ours.model, dict(step)).item() == pytest.approx(
            ours.compute_loss(ours.model, as_weighted).item(), abs=1e-5
        )
        rows = [
            {
                "prompt": [{"role": "user", "content": row["prompt"]}],
                **{key: [{"role": "assistant", "content": row[key]}] for key in ("chosen", "rejected")},
            }
            for row in pairs(0, 8)
        ]
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = 0.0
        reference = load(tiny_model)
        theirs = DPOTrainer(
            model=model, ref_model=reference, train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
            args=DPOConfig(
                output_dir=str(tmp_path / "trl"), num_train_epochs=1, learning_rate=1e-3, seed=0, data_seed=0,
                per_device_train_batch_size=4, bf16=False, use_cpu=True, activation_checkpointing=False,
                report_to="none", save_strategy="no", lr_scheduler_type="linear", pad_to_multiple_of=16,
            ),
        )  # fmt: skip
        assert torch.allclose(learned(ours), learned(theirs), atol=1e-5)

    def test_the_margin_grows(self, build):
        trainer = build(dpo, pairs(0, 8), pairs(50, 4), epochs=4)
        trainer.train()
        told = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
        assert told[0]["eval_loss"] == pytest.approx(0.6931, abs=1e-3)
        assert told[-1]["eval_loss"] < told[0]["eval_loss"]
        assert told[-1]["eval_rewards/margins"] > 0

    def test_a_pair_of_more_weight_pulls_harder(self, build):
        def margins(*given):
            trainer = build(dpo, weighted(pairs(0, 2), *given), epochs=2, learning_rate=1e-4)
            trainer.train()
            trainer.model.eval()
            found = []
            for row in trainer.train_dataset:
                loss = trainer.compute_loss(trainer.model, trainer.data_collator([row]))
                found.append(loss.item())
            return found

        heavy, light = margins(1.9, 0.1), margins(0.1, 1.9)
        assert heavy[0] < light[0] and heavy[1] > light[1]

    def test_an_answer_that_breaks_off_is_compared_without_an_end(self, tokenizer):
        row = {**pairs(0, 1)[0], "rejected_cut_off": True}
        (example,), _, _ = dpo.fitting([row], tokenizer, 512)
        assert example["chosen_ids"][-1] == tokenizer.eos_token_id
        assert tokenizer.eos_token_id not in example["rejected_ids"]


class TestKto:
    def test_is_trls_own_trainer_on_rows_that_are_tokens_already(
        self, build, model, tiny_model, tokenizer, tmp_path
    ):
        ours = build(kto, labelled(0, 8), beta=0.5)
        order = [row["completion_ids"] for row in ours.train_dataset]
        rows = [
            {
                "prompt": [{"role": "user", "content": row["prompt"]}],
                "completion": [{"role": "assistant", "content": row["completion"]}],
                "label": row["desirable"],
            }
            for row in labelled(0, 8)
        ]
        tokens = {
            tuple(example["completion_ids"]): row
            for example, row in zip(kto.fitting(labelled(0, 8), tokenizer, 512)[0], rows, strict=True)
        }
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = 0.0
        theirs = KTOTrainer(
            model=model, ref_model=load(tiny_model), processing_class=tokenizer,
            train_dataset=Dataset.from_list([tokens[tuple(each)] for each in order]),
            args=KTOConfig(
                output_dir=str(tmp_path / "trl"), num_train_epochs=1, learning_rate=1e-3, beta=0.5, seed=0,
                per_device_train_batch_size=4, bf16=False, use_cpu=True, activation_checkpointing=False,
                report_to="none", save_strategy="no", lr_scheduler_type="linear", pad_to_multiple_of=16,
            ),
        )  # fmt: skip
        assert torch.allclose(learned(ours), learned(theirs), atol=1e-5)

    def test_good_answers_become_likelier_than_poor_ones(self, build):
        trainer = build(kto, labelled(0, 8), labelled(50, 4), epochs=6)
        trainer.train()
        told = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
        assert told[-1]["eval_loss"] < told[0]["eval_loss"]
        assert told[-1]["eval_rewards/margins"] > 0

    def test_what_is_rarer_weighs_more(self):
        assert kto.balance([True] * 6 + [False] * 2) == (1.0, 3.0)
        assert kto.balance([True, False, False]) == (2.0, 1.0)
        with pytest.raises(train.Failure, match="good and poor answers together"):
            kto.balance([True])


DATA = {
    "weighted_sft": lambda *of: weighted(examples(*of), *[1, 0.5] * (of[1] // 2)),
    "dpo": pairs,
    "kto": labelled,
}


class TestRuns:
    """Every objective as a run of its own: the same child, the same end."""

    @pytest.mark.parametrize("objective", ["weighted_sft", "dpo", "kto"])
    def test_stops_when_cancelled_and_resumes_bit_for_bit(self, training, objective):
        data = DATA[objective]
        whole, folder = (
            training(name, data(0, 8), data(50, 4), objective=objective) for name in ("whole", "cancelled")
        )
        (folder.path / "CANCEL").touch()
        assert train.main([folder.path]) == 75
        (folder.path / "CANCEL").unlink()
        for each in (whole, folder):
            assert train.main([each.path]) == 0
        assert folder.kinds("start")[-1]["resumed_from"] == 1
        assert result(folder)["weights_sha256"] == result(whole)["weights_sha256"]
        assert result(folder)["eval_losses"] == result(whole)["eval_losses"]
        assert result(whole)["tokens"] > result(whole)["completion_tokens"] > 0

    @pytest.mark.parametrize("objective", ["sft", "dpo"])
    def test_merges_an_adapter_at_the_end_and_keeps_it_beside(self, training, tiny_model, objective):
        data = DATA.get(objective, examples)
        whole, folder = (
            training(name, data(0, 8), data(50, 4), objective=objective, lora_rank=4)
            for name in ("whole", "cancelled")
        )
        (folder.path / "CANCEL").touch()
        assert train.main([folder.path]) == 75
        (folder.path / "CANCEL").unlink()
        for each in (whole, folder):
            assert train.main([each.path]) == 0
        assert result(folder)["weights_sha256"] == result(whole)["weights_sha256"]
        final = whole.path / "final"
        assert (final / ADAPTER / "adapter_model.safetensors").exists()
        assert not (final / "adapter_config.json").exists()
        before, after = load(tiny_model), load(final)
        changed = {
            name
            for (name, one), other in zip(before.named_parameters(), after.parameters(), strict=True)
            if not torch.equal(one, other)
        }
        assert changed and all("_proj" in name for name in changed)
        assert hash_folder(final) == result(whole)["weights_sha256"]

    @pytest.mark.parametrize(
        ("objective", "row", "words"),
        [
            ("dpo", {"prompt": "a", "chosen": "b", "rejected": " ", "weight": 1}, "line 1: needs a prompt"),
            ("dpo", {"prompt": "a", "chosen": "b", "rejected": "c"}, "needs a weight"),
            ("weighted_sft", {"prompt": "a", "completion": "b", "weight": 0}, "needs a weight"),
            ("kto", {"prompt": "a", "completion": "b"}, "desirable must be"),
        ],
    )
    def test_names_the_line_that_cannot_be_learned(self, objective, row, words):
        with pytest.raises(train.Failure, match=words):
            OBJECTIVES[objective].check_rows([row], "dataset.jsonl")
