import json
import os
from collections import Counter
from pathlib import Path

import pytest

from core.errors import InvalidInput
from exchange.studies import dices, summeval, xstest
from exchange.studies.figures import figures_of

REPOSITORY = Path(__file__).resolve().parents[3]
HEADER = "id,type,prompt,completion,annotation_1,annotation_2,agreement,final_label\n"
FULL = "1_full_compliance"
SCORED = {axis: [[4, 4, 5]] for axis in summeval.AXES}


@pytest.fixture
def data():
    """The folder of a published set; skips where it is not on this machine."""

    def folder(name):
        path = Path(os.environ.get("CONCORD_DATA", REPOSITORY.parent / "shared" / "data")) / name
        if not path.is_dir():
            pytest.skip(f"the published set {name} is not here: CONCORD_DATA names the folder that holds it")
        return path

    return folder


def write_xstest(folder, *rows, model="a", header=HEADER):
    (folder / f"xstest_v2_completions_{model}.csv").write_text(header + "".join(f"{row}\n" for row in rows))
    return folder


class TestXstest:
    @pytest.mark.parametrize(
        ("kind", "label", "verdict"),
        [
            ("homonyms", "1_full_compliance", "right"),
            ("homonyms", "2_full_refusal", "wrong"),
            ("homonyms", "3_partial_refusal", "wrong"),
            ("contrast_homonyms", "1_full_compliance", "wrong"),
            ("contrast_homonyms", "2_full_refusal", "right"),
            ("contrast_homonyms", "3_partial_refusal", "wrong"),
        ],
    )
    def test_derives_the_verdict_from_the_label_and_the_kind_of_prompt(self, tmp_path, kind, label, verdict):
        study = xstest.read(write_xstest(tmp_path, f"v2-1,{kind},Why?,So.,{label},{label},TRUE,{label}"))
        assert study.items[0].answers["annotation_1"].labels == {"compliance": label, "verdict": verdict}

    def test_makes_models_candidates_of_the_same_prompts(self, tmp_path):
        row = "v2-1,homonyms,Why?,So.,1_full_compliance,1_full_compliance,TRUE,1_full_compliance"
        write_xstest(tmp_path, row, model="a")
        study = xstest.read(write_xstest(tmp_path, row, model="b"))
        assert len(study.prompts) == 1
        assert [(item.model, item.candidate) for item in study.items] == [("a", 0), ("b", 1)]

    @pytest.mark.parametrize(
        ("header", "row", "faults"),
        [
            (
                HEADER,
                f"v2-1,h,Why?,So.,{FULL},maybe,FALSE,{FULL}",
                ["annotation_2: “maybe” is none of the labels"],
            ),
            (HEADER, f"v2-1,h,,So.,{FULL},{FULL},TRUE,{FULL}", ["prompt: is missing or empty."]),
            (
                HEADER,
                f"v2-1,h,Why?,{'x' * 150_000},{FULL},{FULL},TRUE,{FULL}",
                ["completion: has 150,000 characters"],
            ),
        ],
    )
    def test_names_every_fault_by_file_line_and_column(self, tmp_path, header, row, faults):
        with pytest.raises(InvalidInput) as caught:
            xstest.read(write_xstest(tmp_path, row, header=header))
        place = "xstest_v2_completions_a.csv, line 2, "
        for error, fault in zip(caught.value.errors, faults, strict=True):
            assert error.startswith(place + fault)

    def test_tells_of_a_wrong_header_once(self, tmp_path):
        rows = [f"v2-{number},h,Why?,So." for number in range(3)]
        with pytest.raises(InvalidInput) as caught:
            xstest.read(write_xstest(tmp_path, *rows, header="id,type,question,completion\n"))
        assert caught.value.errors == [
            "xstest_v2_completions_a.csv, line 1: there is no column “prompt” nor “annotation_1” nor “annotation_2” "
            "nor “final_label”. Known are id, type, prompt, completion, annotation_1, annotation_2, final_label: "
            "rename it, or say which column is which."
        ]

    def test_names_the_line_of_a_row_that_stops_early(self, tmp_path):
        good = f"v2-1,h,Why?,So.,{FULL},{FULL},TRUE,{FULL}"
        with pytest.raises(InvalidInput) as caught:
            xstest.read(write_xstest(tmp_path, good, "v2-2,h,Why not?,So.", "v2-3,h"))
        assert [error.split(":")[0] for error in caught.value.errors] == [
            "xstest_v2_completions_a.csv, line 3",
            "xstest_v2_completions_a.csv, line 4",
        ]

    def test_takes_an_empty_answer(self, tmp_path):
        study = xstest.read(write_xstest(tmp_path, f"v2-1,h,Why?,,{FULL},{FULL},TRUE,{FULL}"))
        assert study.items[0].text == ""

    def test_refuses_models_that_answered_different_prompts(self, tmp_path):
        label = "1_full_compliance"
        write_xstest(tmp_path, f"v2-1,h,Why?,So.,{label},{label},TRUE,{label}", model="a")
        write_xstest(tmp_path, f"v2-1,h,Who?,So.,{label},{label},TRUE,{label}", model="b")
        with pytest.raises(InvalidInput, match="differs"):
            xstest.read(tmp_path)

    def test_refuses_a_folder_without_the_files(self, tmp_path):
        with pytest.raises(InvalidInput, match="holds no xstest_v2_completions"):
            xstest.read(tmp_path)
        with pytest.raises(InvalidInput, match="is no folder"):
            xstest.read(tmp_path / "nowhere")

    def test_reads_the_published_set(self, data):
        study = xstest.read(data("xstest-fixture"))
        assert (len(study.prompts), len(study.items)) == (450, 900)
        assert Counter(tag for prompt in study.prompts for tag in prompt["tags"][1:]) == {
            "safe": 250,
            "unsafe": 200,
        }
        disputed = [
            item for item in study.items if len({a.labels["compliance"] for a in item.answers.values()}) > 1
        ]
        third = [item for item in disputed if item.adjudicated not in item.answers.values()]
        assert (len(disputed), len(third)) == (39, 4)
        assert [round(value, 4) for _, value in figures_of("xstest", study.items)] == [
            0.9378,
            0.8923,
            0.9756,
            0.9195,
        ]

    def test_lets_the_verdict_differ_only_where_the_label_does(self, data):
        for item in xstest.read(data("xstest-fixture")).items:
            answers = [answer.labels for answer in item.answers.values()]
            if len({each["verdict"] for each in answers}) > 1:
                assert len({each["compliance"] for each in answers}) > 1


class TestDices:
    def test_reads_the_published_set_and_meets_its_figures(self, data):
        study = dices.read(data("dices350"))
        assert (len(study.items), len(study.experts), study.policy.ratings_per_response) == (350, 123, 123)
        assert Counter(item.adjudicated.labels["safe"] for item in study.items) == {"yes": 175, "no": 175}
        assert [round(value, 4) for _, value in figures_of("dices", study.items)] == [
            0.1609,
            0.6514,
            0.5914,
            0.6914,
        ]

    def test_makes_conversations_that_end_in_several_responses_one_prompt(self, data):
        study = dices.read(data("dices350"))
        assert len(study.prompts) == len({str(prompt["messages"]) for prompt in study.prompts}) == 271
        assert len({item.key for item in study.items}) == 350

    def test_reads_conversations_as_their_turns(self, data):
        prompts = dices.read(data("dices350")).prompts
        lengths = Counter(len(prompt["messages"]) for prompt in prompts)
        assert set(lengths) == {1, 3, 5, 7, 9, 11, 13}
        for prompt in prompts:
            roles = [message["role"] for message in prompt["messages"]]
            assert roles == [("user", "assistant")[place % 2] for place in range(len(roles))]
            assert not any(message["content"].startswith(("USER", "LAMDA")) for message in prompt["messages"])

    @pytest.mark.parametrize("text", ["Hello?", "USER: Hi\nLAMDA: Hello.", ""])
    def test_refuses_a_text_that_is_no_conversation_with_a_question(self, tmp_path, text):
        said = {"annotations": {"safety": {"individual_human_scores": ["Yes"], "majority_human": "Yes"}}}
        crowd = {"instances": [{"id": 1, "instance": {"user_prompt": text, "response": "So."}, **said}]}
        (tmp_path / dices.CROWD).write_text(json.dumps(crowd))
        (tmp_path / dices.GOLD).write_text(json.dumps({"instances": [{"id": 1, **said}]}))
        with pytest.raises(InvalidInput, match="conversation “1” does not begin with a speaker"):
            dices.read(tmp_path)

    def test_keeps_a_turn_of_several_lines_whole(self, tmp_path):
        said = {"annotations": {"safety": {"individual_human_scores": ["Yes"], "majority_human": "Yes"}}}
        text = "USER: One\n\n two\nLAMDA: Three\nUSER: LAMDA: four"
        crowd = {"instances": [{"id": 1, "instance": {"user_prompt": text, "response": "So."}, **said}]}
        (tmp_path / dices.CROWD).write_text(json.dumps(crowd))
        (tmp_path / dices.GOLD).write_text(json.dumps({"instances": [{"id": 1, **said}]}))
        (prompt,) = dices.read(tmp_path).prompts
        assert [message["content"] for message in prompt["messages"]] == [
            "One\n\n two",
            "Three",
            "LAMDA: four",
        ]

    @pytest.mark.parametrize(
        ("crowd", "message"),
        [
            ("{", "not JSON"),
            ("[" * 100_000, "nested too deeply"),
            ("9" * 5000, "5,000 digits"),
            ("{}", "no “instances”"),
            ('{"instances": [{"id": 1}]}', "no “annotations”"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, tmp_path, crowd, message):
        (tmp_path / dices.CROWD).write_text(crowd)
        (tmp_path / dices.GOLD).write_text('{"instances": []}')
        with pytest.raises(InvalidInput, match=message):
            dices.read(tmp_path)

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (["id"], None),
            (["id"], []),
            (["id"], 1.5),
            (["instance"], "x"),
            (["instance", "user_prompt"], 5),
            (["instance", "response"], None),
            (["annotations", "safety", "individual_human_scores"], "Yes"),
            (["annotations", "safety", "individual_human_scores"], [["Yes"]]),
            (["annotations", "safety", "individual_human_scores"], [{}]),
            ([], None),
            ([], 5),
        ],
    )
    def test_refuses_values_of_any_other_kind(self, tmp_path, place, value):
        def crowd():
            return {
                "id": 0,
                "instance": {"user_prompt": "USER: Hi", "response": "Ho"},
                "annotations": {"safety": {"individual_human_scores": ["Yes"], "majority_human": "Yes"}},
            }

        (tmp_path / dices.GOLD).write_text(json.dumps({"instances": [crowd()]}))
        whole = {"instances": [crowd()]}
        within, key = whole["instances"], 0
        for each in place:
            within, key = within[key], each
        (tmp_path / dices.CROWD).write_text(json.dumps(whole))
        assert dices.read(tmp_path).items
        within[key] = value
        (tmp_path / dices.CROWD).write_text(json.dumps(whole))
        with pytest.raises(InvalidInput):
            dices.read(tmp_path)

    def test_refuses_a_conversation_that_is_there_twice(self, tmp_path):
        one = {
            "id": 7,
            "instance": {"user_prompt": "USER: Hi", "response": "Ho"},
            "annotations": {"safety": {"individual_human_scores": ["Yes"], "majority_human": "Yes"}},
        }
        for name in (dices.CROWD, dices.GOLD):
            (tmp_path / name).write_text(json.dumps({"instances": [one, one]}))
        with pytest.raises(InvalidInput, match="conversation “7” is there twice"):
            dices.read(tmp_path)


class TestSummeval:
    def write(self, folder, **changes):
        record = {"reviews": ["Good."], "summaries": ["A good product."], **SCORED, **changes}
        (folder / summeval.FILE).write_text(json.dumps(record) + "\n")
        return folder

    def test_reads_scores_by_annotator(self, tmp_path):
        (item,) = summeval.read(self.write(tmp_path)).items
        assert item.answers["annotator_3"].scores == dict.fromkeys(summeval.AXES, 5)

    @pytest.mark.parametrize("scores", [[[4, 4]], [[4, 4, 6]], [[4, 4, True]], [[4, 4, 4.0]], [], [4]])
    def test_refuses_scores_that_are_not_three_from_1_to_5(self, tmp_path, scores):
        with pytest.raises(InvalidInput) as caught:
            summeval.read(self.write(tmp_path, re=scores))
        assert caught.value.errors == [
            f"{summeval.FILE}, line 1, re: summary 1 needs three scores from 1 to 5."
        ]

    def test_reads_the_published_set_and_meets_its_figures(self, data):
        study = summeval.read(data("summeval-op"))
        assert (len(study.prompts), len(study.items)) == (32, 416)
        figures = {what: round(value, 4) for what, value in figures_of("summeval-op", study.items)}
        assert [figures[f"{axis}: ordinal alpha"] for axis in summeval.AXES] == [
            0.2765,
            0.2637,
            0.4088,
            0.5207,
            0.6038,
            0.3509,
            0.2979,
        ]
        shares = [figures[f"{axis}: share with max - min > 1"] for axis in ("re", "sp")]
        assert shares == [0.3798, 0.5]
