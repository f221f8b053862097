import json
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from annotation.correcting import correct_rating
from annotation.models import Rating, Response
from arbitration.cases import claim_case, exclude_response
from arbitration.labels import finalize_labels
from core.guidelines import write_guidelines
from exchange.record_rows import CHUNK
from exchange.records import records
from tests.factories.annotation import (
    CONVERSATION,
    make_conversation,
    make_prompts,
    make_rating_stage,
    rate,
    rate_all,
)
from tests.factories.arbitration import decide, make_divergent, make_final_stage, required_labels
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import make_encoder, score_stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project()


@pytest.fixture
def settled(team):
    """A final stage: one response arbitrated, one excluded, two agreed."""
    stage = make_rating_stage(team.project, prompts=4)
    disputed, dropped, *rest = Response.objects.filter(stage=stage).order_by("position")
    for response in (disputed, dropped):
        make_divergent(response, team.experts, scores=(2, 5, 3))
    for response in rest:
        for expert, score in zip(team.experts, (4, 5, 4), strict=True):
            rate(response, expert, score=score, comment="Fine.")
    decide(
        claim_case(response=disputed, by=team.lead, now=NOW),
        score=4,
        scores={"safety": 1},
        rationale="It harms.",
    )
    exclude_response(
        case=claim_case(response=dropped, by=team.lead, now=NOW),
        by=team.lead,
        rationale="Not English.",
        submission="0b6f0f0e-32a5-4b0a-9c1b-6d8f3f1d2a11",
        now=NOW,
    )
    finalize_labels(stage=stage, by=team.admin, now=NOW)
    return disputed, dropped, rest


def record_of(team, response):
    return next(record for record in records(team.project) if record["id"] == response.pk)


class TestRecords:
    def test_have_the_papers_structure(self, team, settled):
        record = record_of(team, settled[2][0])
        response = settled[2][0]
        assert record["prompt"] == response.prompt.text
        assert record["response"] == response.text
        assert record["expert_scores"] == {axis: [4, 5, 4] for axis in ("safety", "helpfulness", "relevance")}
        assert record["final_score"] == pytest.approx(dict.fromkeys(record["expert_scores"], 13 / 3))
        assert record["alignment"] == "aligned"

    def test_hold_the_whole_conversation(self, team):
        make_conversation(team.project)
        make_prompts(team.project, count=1)
        stage = make_rating_stage(team.project)
        rate_all(stage, team.experts, score=5)
        talk, plain = sorted(
            records(team.project, unlabeled=True), key=lambda each: each["prompt_id"] != "talk"
        )
        assert talk["prompt"] == CONVERSATION[-1][1]
        assert talk["messages"] == [{"role": role, "content": text} for role, text in CONVERSATION]
        assert plain["messages"] == [{"role": "user", "content": plain["prompt"]}]

    def test_tell_where_an_agreed_label_comes_from(self, team, settled):
        response = settled[2][0]
        provenance = record_of(team, response)["provenance"]
        assert (provenance["source"], provenance["rule"], provenance["policy_version"]) == (
            "agreement",
            "mean",
            1,
        )
        assert provenance["rating_ids"] == sorted(response.ratings.values_list("pk", flat=True))
        assert provenance["decided_by"] is None

    def test_tell_where_an_arbitrated_label_comes_from(self, team, settled):
        record = record_of(team, settled[0])
        assert record["expert_scores"]["safety"] == [2, 5, 3]
        assert record["final_score"]["safety"] == 1
        assert record["provenance"]["source"] == "arbitration"
        assert record["provenance"]["rationale"] == "It harms."
        assert record["provenance"]["decided_by"].startswith("person-")

    def test_count_what_was_excluded_without_a_score(self, team, settled):
        record = record_of(team, settled[1])
        assert (record["alignment"], record["final_score"]) == ("excluded", {})
        assert record["provenance"]["outcome"] == "excluded"

    def test_tell_what_each_rating_was_made_under(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        rate_all(stage, team.experts[:1])
        write_guidelines(project=team.project, text="Be kind.", by=team.admin, now=NOW)
        rate_all(stage, team.experts[1:])
        (record,) = records(team.project, unlabeled=True)
        assert [rating["guidelines_version"] for rating in record["ratings"]] == [1, 2, 2]
        assert {rating["policy_version"] for rating in record["ratings"]} == {1}

    def test_keep_what_was_corrected_apart_from_what_counts(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        rate_all(stage, team.experts)
        old = Rating.objects.first()
        new = correct_rating(
            rating=old,
            by=old.expert,
            scores={axis.key: 5 for axis in old.policy.rubric.axes.all()},
            labels=required_labels(old.policy),
            submission=uuid.uuid4(),
            now=NOW,
        )
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        (record,) = records(team.project)
        assert sorted(record["expert_scores"]["safety"]) == [4, 4, 5]
        (kept,) = record["superseded_ratings"]
        assert (kept["id"], kept["superseded_by"], kept["scores"]["safety"]) == (old.pk, new.pk, 4)
        assert old.pk not in record["provenance"]["rating_ids"]

    def test_name_nobody(self, team, settled):
        whole = json.dumps(list(records(team.project)))
        for person in (*team.experts, team.lead, team.admin):
            assert person.username not in whole

    def test_keep_one_pseudonym_a_person_in_a_project_and_none_across(self, team, settled):
        first, second = (record_of(team, response)["experts"] for response in settled[2])
        assert sorted(first) == sorted(second)
        assert len(set(first)) == 3
        other = make_project()
        from core.projects import add_member

        stage = make_rating_stage(other.project, prompts=1)
        for expert in team.experts:
            add_member(project=other.project, user=expert, role="expert", by=None, now=NOW)
        rate_all(stage, team.experts)
        finalize_labels(stage=stage, by=other.admin, now=NOW)
        assert not set(next(records(other.project))["experts"]) & set(first)

    def test_carry_labels_cosine_and_ids(self, team, settled):
        stage = team.project.stages.get()
        make_encoder()
        score_stage(stage, [0.1, 0.2, 0.3, 0.4], refusals=[0])
        record = record_of(team, settled[2][0])
        assert record["coherence"]["cosine"] in (0.1, 0.2, 0.3, 0.4)
        assert record["expert_labels"]["verdict"] == ["aligned"] * 3
        assert record["final_labels"]["verdict"] == "aligned"
        assert (record["stage"], record["model"], record["candidate"]) == (0, "model-0", 0)
        assert record["split"] == settled[2][0].prompt.split

    def test_leave_out_responses_without_a_final_label(self, team):
        stage = make_rating_stage(team.project, prompts=2)
        rate_all(stage, team.experts[:2])
        assert list(records(team.project)) == []
        everything = list(records(team.project, unlabeled=True))
        assert [record["final_score"] for record in everything] == [None, None]

    def test_go_on_from_chunk_to_chunk(self, team):
        stage = make_rating_stage(team.project, prompts=2 * CHUNK + 1)
        found = [record["id"] for record in records(team.project, unlabeled=True)]
        assert found == list(stage.responses.order_by("position").values_list("pk", flat=True))

    def test_read_a_fixed_number_of_queries_a_chunk(self, team, django_assert_num_queries):
        make_final_stage(team, prompts=12)
        with django_assert_num_queries(18):
            assert len(list(records(team.project))) == 12

    def test_come_in_order_and_of_one_stage_if_asked(self, team):
        first = make_final_stage(team, prompts=3)
        from tests.factories.annotation import make_responses, make_stage, open_rating

        second = make_stage(team.project, model_name="tuned")
        make_responses(second)
        open_rating(stage=second, by=None, now=NOW)
        rate_all(second, team.experts)
        finalize_labels(stage=second, by=team.admin, now=NOW)
        assert [record["stage"] for record in records(team.project)] == [0, 0, 0, 1, 1, 1]
        assert [record["stage"] for record in records(team.project, stage=first)] == [0, 0, 0]


class TestExportRecordsCommand:
    def test_writes_json_lines_to_a_file(self, team, tmp_path):
        make_final_stage(team, prompts=3)
        target = tmp_path / "records.jsonl"
        call_command("export_records", project=team.project.slug, output=target)
        lines = target.read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["status"] for line in lines] == ["labeled"] * 3
        assert list(tmp_path.iterdir()) == [target]

    def test_writes_to_standard_output_the_newest_project(self, team):
        make_final_stage(team, prompts=2)
        out = StringIO()
        call_command("export_records", stdout=out)
        assert len(out.getvalue().splitlines()) == 2

    def test_says_which_projects_and_stages_there_are(self, team):
        make_final_stage(team, prompts=1)
        with pytest.raises(CommandError, match=team.project.slug):
            call_command("export_records", project="nowhere")
        with pytest.raises(CommandError, match="It has: 0"):
            call_command("export_records", stage=7)
