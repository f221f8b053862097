"""What a run may minimize: one module each, of one shape.

- `check_rows(rows, name)`: raise Failure("bad_data") that names the line, unless every row can be learned
- `fitting(rows, tokenizer, max_length)` → (examples as tokens, ids of the rows left out, tokens of the longest row)
- `build(model, tokenizer, train, validation, config, *, folder, device, precision, world, callbacks, tell)` → the
  trainer, whose `eval_loss` chooses the epoch that is kept; `tell()` is called while something long is measured before
- `tokens(dataset)` and `completion_tokens(dataset)`: what one epoch reads, and how much of it carries loss
"""

from training.trainer.objectives import dpo, kto, sft, weighted_sft

OBJECTIVES = {"sft": sft, "weighted_sft": weighted_sft, "dpo": dpo, "kto": kto}
