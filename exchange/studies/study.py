"""What a published set of ratings holds, in Concord's words and before it is in the database."""

from dataclasses import dataclass, field
from pathlib import Path

from annotation.importing.typed import TypedRow, typed_rows
from annotation.rows import Faults
from core.errors import InvalidInput
from core.rubrics import PolicySpec, RubricSpec
from exchange.reading import parse_json, read_rows

NAMED = {str: "a text", list: "a list", int | str: "a number or a text"}


@dataclass(frozen=True)
class Answer:
    """One expert's scores {axis key: 1…5} and answers {label set key: value key} on one response."""

    scores: dict[str, int] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One response: its prompt's id, the candidate it is, its model and text, and what was said about it.

    `answers` maps each expert to their Answer; `adjudicated` is the published consensus, None where there is none.
    """

    prompt_id: str
    candidate: int
    model: str
    text: str
    answers: dict[str, Answer]
    adjudicated: Answer | None = None

    @property
    def key(self):
        return self.prompt_id, self.candidate


@dataclass(frozen=True)
class Study:
    """A whole set. `prompts` are rows for `import_prompts`; `rationale` stands with every adjudicated decision."""

    format: str
    name: str
    guidelines: str
    rubric: RubricSpec
    policy: PolicySpec
    experts: list[str]
    prompts: list[dict]
    items: list[Item]
    rationale: str = ""


def find_files(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder that match, in order of name. Raises InvalidInput where there is none."""
    if not folder.is_dir():
        raise InvalidInput(f"“{folder}” is no folder: name the one that holds {pattern}.")
    found = sorted(folder.glob(pattern))
    if not found:
        raise InvalidInput(f"“{folder}” holds no {pattern}: name the folder that does.")
    return found


def read_records(path: Path, model: type[TypedRow]) -> list[tuple[int, TypedRow]]:
    """The records of a JSONL or CSV file with their lines. Raises InvalidInput naming every fault by file and line."""
    faults = Faults(path.name)
    with path.open("rb") as file:
        records = list(typed_rows(model, read_rows(file, path.name), faults))
    faults.raise_any()
    return records


def read_json(path: Path):
    """The content of a JSON file. Raises InvalidInput where it is none."""
    try:
        return parse_json(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8: {error}.") from None
    except ValueError as error:
        raise InvalidInput(f"{path.name}: {error}") from None


def pick(record, place, *path, of=str):
    """The value at a path of keys in a JSON record. Raises InvalidInput, naming the key, where no `of` is there."""
    for key in path:
        if not isinstance(record, dict) or key not in record:
            raise InvalidInput(f"{place} has no “{key}”{_under(path, key)}.")
        record = record[key]
    if not isinstance(record, of):
        raise InvalidInput(f"{place}: “{path[-1]}”{_under(path, path[-1])} should be {NAMED[of]}.")
    return record


def _under(path, key):
    above = path[: path.index(key)]
    return f" under {'.'.join(above)}" if above else ""
