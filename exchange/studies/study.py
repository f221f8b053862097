"""What a published set of ratings holds, in Concord's words and before it is in the database."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InvalidInput
from core.rubrics import PolicySpec, RubricSpec


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


def read_csv(path: Path, columns) -> list[tuple[int, dict]]:
    """The rows of a CSV file with the line each ends on. Raises InvalidInput where one of `columns` is missing."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise InvalidInput(f"{path.name} has no column {', '.join(missing)}.")
            return [(reader.line_num, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} cannot be read as CSV in UTF-8: {error}.") from None


def read_json(path: Path):
    """The content of a JSON file. Raises InvalidInput where it is none."""
    return parse_json(_text(path), path.name)


def read_json_lines(path: Path) -> list[tuple[str, object]]:
    """The records of a JSON lines file, each with where it stands ("file, line 3")."""
    places = [
        (f"{path.name}, line {line}", text) for line, text in enumerate(_text(path).splitlines(), start=1)
    ]
    return [(place, parse_json(text, place)) for place, text in places if text.strip()]


def parse_json(text, place):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{place} is not JSON: {error}.") from None


def pick(record, place, *path):
    """The value at a path of keys in a JSON record. Raises InvalidInput, naming the key, where it is missing."""
    for key in path:
        if not isinstance(record, dict) or key not in record:
            raise InvalidInput(f"{place} has no “{key}”{_under(path, key)}.")
        record = record[key]
    return record


def _text(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8: {error}.") from None


def _under(path, key):
    above = path[: path.index(key)]
    return f" under {'.'.join(above)}" if above else ""
