import io

import pytest

from annotation.importing.row_models import PromptRow
from annotation.importing.typed import typed_rows
from annotation.rows import Faults
from core.errors import InvalidInput
from exchange.mapping import mapped
from exchange.reading import read_rows


def prompts(text, fields=None, name="p.csv"):
    faults = Faults()
    rows = list(
        typed_rows(PromptRow, mapped(read_rows(io.BytesIO(text.encode()), name), fields or {}), faults)
    )
    faults.raise_any()
    return [(row.prompt[0].text, row.id) for _, row in rows]


def faults_of(text, fields=None, name="p.csv"):
    with pytest.raises(InvalidInput) as caught:
        prompts(text, fields, name)
    return caught.value.errors or [str(caught.value)]


class TestMapped:
    def test_reads_a_column_as_the_field_that_was_chosen(self):
        text = "question,number,note\nWhy?,7,x\n"
        assert prompts(text, {"question": "prompt", "number": "id", "note": ""}) == [("Why?", "7")]

    def test_leaves_out_the_column_whose_name_is_taken(self):
        assert prompts("prompt,text\nShort,Long\n", {"text": "prompt"}) == [("Long", "")]

    def test_refuses_two_columns_for_one_field(self):
        assert (
            "Two columns are chosen for “prompt”"
            in faults_of("a,b\n1,2\n", {"a": "prompt", "b": "prompt"})[0]
        )

    def test_reads_fields_of_jsonl_alike(self):
        text = '{"q": "Why?", "meta": {"a": 1}}\n{"q": "How?"}\n'
        assert prompts(text, {"q": "prompt", "meta": ""}, "p.jsonl") == [("Why?", ""), ("How?", "")]


class TestAWrongHeader:
    def test_is_one_fault_however_many_rows_there_are(self):
        assert faults_of("\ntext;number;id\n" + "Why?;1;\n" * 300) == [
            "Line 2: there is no column “prompt”, and “text”, “number” are not known. Known are prompt, messages, id, "
            "split, tags, reference: rename it, or say which column is which."
        ]
        assert len(faults_of("id,split\n" + "1,train\n" * 300)) == 1
        assert faults_of("prompt,lang\n" + "".join(f"{n},en\n" for n in range(300))) == [
            "Line 1, lang: unknown field. Known are prompt, messages, id, split, tags, reference."
        ]

    def test_hides_no_other_fault(self):
        assert len(faults_of("text,split\nWhy?,train\nHow?,practice\n")) == 2

    def test_of_jsonl_is_told_where_it_stands_first(self):
        lines = '{"prompt": "a"}\n' + '{"text": "b"}\n' * 300
        assert [fault[:45] for fault in faults_of(lines, name="p.jsonl")] == [
            "Line 2: there is no field “prompt”, and “text"
        ]
        assert len(faults_of('{"prompt": "a"}\n{"id": 1}\n{"id": 2}\n', name="p.jsonl")) == 2
