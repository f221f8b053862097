"""SummEval-OP: summaries of product reviews, scored by three annotators on seven axes from 1 to 5.

Siledar et al., "One Prompt To Rule Them All: LLMs for Opinion Summary Evaluation", ACL 2024. One file,
`summeval-op-detailed.jsonl`: a line a product with `reviews`, 13 `summaries`, and per axis 13 lists of three scores
(position = annotator). Which system wrote which summary is not published: they are named by their position.
"""

from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, PlainValidator

from annotation.importing.typed import TypedRow, fault
from core.rubrics import AxisSpec, PolicySpec, RubricSpec
from exchange.studies.study import Answer, Item, Study, find_files, read_records

FILE = "summeval-op-detailed.jsonl"
AXES = {
    "fl": ("Fluency", "Is it well written?"),
    "co": ("Coherence", "Do its sentences build one text?"),
    "re": ("Relevance", "Does it keep to what matters in the reviews?"),
    "fa": ("Faithfulness", "Is all it says in the reviews?"),
    "ac": ("Aspect coverage", "Does it name the important aspects?"),
    "sc": ("Sentiment consistency", "Does its opinion match that of the reviews?"),
    "sp": ("Specificity", "Is it about this product and no other?"),
}
SCALE = (1, 2, 3, 4, 5)
EXPERTS = ["annotator_1", "annotator_2", "annotator_3"]
INSTRUCTION = "Summarise what these reviews say about the product."

RUBRIC = RubricSpec(axes=tuple(AxisSpec(key, name, question) for key, (name, question) in AXES.items()))
GUIDELINES = """\
Score each summary of the reviews from 1 (poor) to 5 (excellent) on every axis. The instruction above the reviews was
added by the import: the set publishes reviews and summaries alone.
"""


def _texts(value):
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise fault("expected a list of texts.")
    return value


def _scores(value, info):
    summaries = info.data.get("summaries", ())
    if isinstance(value, list) and len(value) > len(summaries):
        raise fault(f"has scores of {len(value)} summaries, and there are {len(summaries)}.")
    for number in range(len(summaries)):
        given = value[number] if isinstance(value, list) and number < len(value) else None
        if (
            not isinstance(given, list)
            or len(given) != len(EXPERTS)
            or any(type(each) is not int or each not in SCALE for each in given)
        ):
            raise fault(f"summary {number + 1} needs three scores from 1 to 5.")
    return value


Texts = Annotated[list[str], PlainValidator(_texts)]
Scores = Annotated[list[list[int]], PlainValidator(_scores)]
"""Of each summary the annotators' scores."""


class Product(TypedRow):
    """A line of the file: a product's reviews, its summaries, and their scores on each axis."""

    model_config = ConfigDict(extra="ignore")

    reviews: Texts
    summaries: Texts
    fl: Scores
    co: Scores
    re: Scores
    fa: Scores
    ac: Scores
    sc: Scores
    sp: Scores


def read(folder: Path) -> Study:
    """The study in a folder with the file."""
    prompts, items = [], []
    for number, (_, product) in enumerate(read_records(find_files(folder, FILE)[0], Product), start=1):
        prompt_id = f"product-{number:02d}"
        listed = "\n\n".join(f"Review {place}: {text}" for place, text in enumerate(product.reviews, start=1))
        prompts.append({"id": prompt_id, "prompt": f"{INSTRUCTION}\n\n{listed}"})
        for candidate, summary in enumerate(product.summaries):
            answers = _answers(product, candidate)
            items.append(Item(prompt_id, candidate, f"system-{candidate + 1:02d}", summary, answers))
    return Study(
        format="summeval-op",
        name="SummEval-OP",
        guidelines=GUIDELINES,
        rubric=RUBRIC,
        policy=PolicySpec(ratings_per_response=len(EXPERTS)),
        experts=EXPERTS,
        prompts=prompts,
        items=items,
    )


def _answers(product, candidate):
    return {
        expert: Answer(scores={axis: getattr(product, axis)[candidate][place] for axis in AXES})
        for place, expert in enumerate(EXPERTS)
    }
