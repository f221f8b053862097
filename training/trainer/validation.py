"""How well the kept weights do on each validation example, told token by token for the best and the worst of them."""

import torch
from torch.nn.functional import cross_entropy

from jobs.files import write_lines
from training.trainer.loading import load_model
from training.trainer.pieces import pieces_of

SHOWN = 5
"""Examples at each end."""
NO_LOSS = -100


def write_losses(trainer, tokenizer, ids, run_dir, *, tell):
    """Write the examples with the lowest and the highest loss, the lowest first, each {id, loss, place, of, tokens}.

    `tokens` are pairs of text and loss, `place` is from 1 among `of` examples. `ids` are those of the trainer's
    validation examples, in order. Where these aren't single texts with labels nothing is written. The trainer is done
    afterwards: what it keeps in memory makes room for the kept weights.
    """
    dataset = trainer.eval_dataset
    if dataset is None or not {"input_ids", "labels"} <= set(dataset.column_names):
        return
    device, precision = trainer.args.device, torch.bfloat16 if trainer.args.bf16 else None
    trainer.optimizer = trainer.lr_scheduler = None
    trainer.accelerator.free_memory()
    model = load_model(run_dir / "final", dtype=torch.float32, device=device).eval()
    rows = []
    for its_id, example in zip(ids, dataset, strict=True):
        tell()
        tokens, losses = losses_of(model, example, device, precision)
        rows.append((float(losses.mean()), its_id, tokens, losses.tolist()))
    rows.sort(key=lambda row: row[:2])
    places = sorted({*range(min(SHOWN, len(rows))), *range(max(len(rows) - SHOWN, 0), len(rows))})
    write_lines(
        run_dir / "validation-losses.jsonl",
        [
            {
                "id": its_id,
                "loss": round(loss, 6),
                "place": place + 1,
                "of": len(rows),
                "tokens": [
                    [piece, round(each, 3)]
                    for piece, each in zip(pieces_of(tokenizer, tokens), losses, strict=True)
                ],
            }
            for place in places
            for loss, its_id, tokens, losses in [rows[place]]
        ],
    )


def losses_of(model, example, device, precision):
    """(ids of the tokens that carry loss, the loss of each as a float32 tensor) of one example."""
    ids = torch.tensor([example["input_ids"]], device=device)
    labels = torch.tensor(example["labels"], device=device)[1:]
    with (
        torch.inference_mode(),
        torch.autocast(device.type, dtype=precision, enabled=precision is not None),
    ):
        logits = model(input_ids=ids).logits[0, :-1].float()
    carries = labels != NO_LOSS
    return labels[carries].tolist(), cross_entropy(logits[carries], labels[carries], reduction="none").cpu()
