"""What DPO and KTO share: rows that are tokens already, and a reference that is measured once.

The reference is the model that the run begins with. TRL would read it from the disk again under the name that the model
was loaded by, hold it in memory beside the other, and measure it in every epoch; its own way of measuring before
shares a file of the machine's temporary folder. Here the model itself is asked before it learns anything.
"""

import torch

from training.trainer.objectives.texts import encode_answers, opens_at


class Referenced:
    """Mixed into TRL's trainer, before it. `tell()` is called with every batch that is measured.

    Evaluating leaves the random state alone: otherwise a run that is resumed right before a validation would go on
    with another.
    """

    REFERENCE = ()
    """The columns that TRL reads the reference's log probabilities from, as `compute_ref_log_probs` gives them."""

    def __init__(self, *args, tell, **kwargs):
        self.tell = tell
        super().__init__(*args, **kwargs)

    def _prepare_dataset(self, dataset, *args, **kwargs):
        return dataset

    def _precompute_ref_logps(self, dataset, name, batch_size):
        self.model.eval()
        found = [[] for _ in self.REFERENCE]
        for start in range(0, len(dataset), batch_size):
            rows = [dataset[at] for at in range(start, min(start + batch_size, len(dataset)))]
            batch = self._prepare_inputs(self.data_collator(rows))
            for column, values in zip(found, self.compute_ref_log_probs(self.model, batch), strict=True):
                column += values.float().tolist()
            self.tell()
        for column, values in zip(self.REFERENCE, found, strict=True):
            dataset = dataset.add_column(column, values)
        return dataset

    def evaluate(self, *args, **kwargs):
        with torch.random.fork_rng():
            return super().evaluate(*args, **kwargs)


def encode(rows, tokenizer, key, cut_off):
    """[(tokens of the prompt, tokens of the answer `key`, tokens of both before an end was taken)] of every row.

    `cut_off`: the key that says of a row whether that answer breaks off: it is then learned without its end.
    """
    found = []
    for prompt, whole, row in zip(*encode_answers(rows, tokenizer, key), rows, strict=True):
        begin = opens_at(prompt, whole)
        answer = whole[begin:]
        if row.get(cut_off) and tokenizer.eos_token_id in answer:
            answer = answer[: len(answer) - 1 - answer[::-1].index(tokenizer.eos_token_id)]
        found.append((whole[:begin], answer, len(whole)))
    return found
