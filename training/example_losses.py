"""The validation examples that a finished run does best and worst on: kept from what its child wrote, and read back."""

from annotation.models import Prompt, load_earlier
from jobs.files import read_lines
from training.models import ExampleLoss

LEVELS = (0.5, 1.5, 3.0, 5.0)
"""Losses of a token from which it is marked more strongly. 0.5 is a chance of six in ten, 5 one of a hundred and
fifty."""


def keep_losses(run, folder):
    """Store what the child has written in the run's `folder`; part of the transaction that ends the run."""
    rows = {row["id"]: row for row in read_lines(folder / "validation-losses.jsonl")}
    names = {name.rpartition(":")[0] for name in rows}
    examples = run.training_set.examples.filter(
        split=Prompt.Split.VALIDATION, final_label__response__prompt__external_id__in=names
    ).select_related("final_label__response__prompt")
    found = [(example, rows.get(_id_of(example))) for example in examples]
    ExampleLoss.objects.bulk_create(
        [
            ExampleLoss(
                run=run, example=example, **{key: row[key] for key in ("loss", "place", "of", "tokens")}
            )
            for example, row in found
            if row
        ]
    )


def best_and_worst(run):
    """(the run's ExampleLosses with the lowest loss, those with the highest); both empty where nothing was validated.

    Each has `marked`: its tokens as pairs of text and level, 0 to len(LEVELS), and its example the earlier messages.
    """
    losses = list(run.example_losses.select_related("example"))
    load_earlier([each.example for each in losses])
    for each in losses:
        each.marked = [(text, sum(loss >= level for level in LEVELS)) for text, loss in each.tokens]
    half = (len(losses) + 1) // 2
    return losses[:half], losses[half:][::-1]


def _id_of(example):
    response = example.final_label.response
    return f"{response.prompt.external_id}:{response.candidate}"
