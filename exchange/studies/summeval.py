"""SummEval-OP: summaries of product reviews, scored by three annotators on seven axes from 1 to 5.

Siledar et al., "One Prompt To Rule Them All: LLMs for Opinion Summary Evaluation", ACL 2024. One file,
`summeval-op-detailed.jsonl`: a line a product with `reviews`, 13 `summaries`, and per axis 13 lists of three scores
(position = annotator). Which system wrote which summary is not published: they are named by their position.
"""

from pathlib import Path

from core.errors import InvalidInput
from core.rubrics import AxisSpec, PolicySpec, RubricSpec
from exchange.studies.study import Answer, Item, Study, find_files, pick, read_json_lines

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
EXPERTS = ["annotator_1", "annotator_2", "annotator_3"]
INSTRUCTION = "Summarise what these reviews say about the product."

RUBRIC = RubricSpec(
    axes=tuple(AxisSpec(key, name, question, ("",) * 5) for key, (name, question) in AXES.items())
)
GUIDELINES = """\
Score each summary of the reviews from 1 (poor) to 5 (excellent) on every axis. The instruction above the reviews was
added by the import: the set publishes reviews and summaries alone.
"""


def read(folder: Path) -> Study:
    """The study in a folder with the file."""
    prompts, items = [], []
    for number, (place, record) in enumerate(read_json_lines(find_files(folder, FILE)[0]), start=1):
        prompt_id = f"product-{number:02d}"
        reviews = pick(record, place, "reviews")
        listed = "\n\n".join(f"Review {place}: {text}" for place, text in enumerate(reviews, start=1))
        prompts.append({"id": prompt_id, "prompt": f"{INSTRUCTION}\n\n{listed}"})
        for candidate, summary in enumerate(pick(record, place, "summaries")):
            answers = _answers(record, place, candidate)
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


def _answers(record, place, candidate):
    scores = {expert: {} for expert in EXPERTS}
    for axis in AXES:
        rows = pick(record, place, axis)
        given = rows[candidate] if candidate < len(rows) else None
        if not isinstance(given, list) or len(given) != len(EXPERTS) or not set(given) <= {1, 2, 3, 4, 5}:
            raise InvalidInput(f"{place}, {axis}: summary {candidate + 1} needs three scores from 1 to 5.")
        for expert, score in zip(EXPERTS, given, strict=True):
            scores[expert][axis] = score
    return {expert: Answer(scores=given) for expert, given in scores.items()}
