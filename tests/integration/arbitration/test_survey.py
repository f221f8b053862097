"""How far a stage's arbitration is, as its panel tells it."""

import uuid
from datetime import timedelta

import pytest

from arbitration.cases import claim_case, exclude_response
from arbitration.panel import survey
from tests.factories.annotation import make_rating_stage, responses_of
from tests.factories.arbitration import decide, make_divergent, make_divergent_stage, make_final_stage
from tests.factories.core import NOW

pytestmark = pytest.mark.django_db


class TestSurvey:
    def test_tells_how_far_the_arbitration_is(self, team):
        stage, divergent = make_divergent_stage(team, divergent=4, agreed=1)
        cases = [claim_case(response=response, by=team.lead, now=NOW) for response in divergent[:3]]
        decide(cases[0], scores={"safety": 5}, score=4)
        exclude_response(case=cases[1], by=team.lead, rationale="Spam.", submission=uuid.uuid4(), now=NOW)
        found = survey(stage)
        assert (found.agreed, found.waiting, found.decided, found.excluded) == (1, 1, 2, 1)
        assert found.claimed == [cases[2]]
        assert found.open_work == ["1 response waits for a lead.", "1 response is before a lead now."]
        assert not found.may_finalize

    @pytest.mark.parametrize(
        ("scores", "labels", "overridden"),
        [
            ({"safety": 2}, None, 0),
            ({"safety": 3}, None, 0),
            ({"safety": 1}, None, 1),
            ({"helpfulness": 5}, None, 1),
            ({}, {"verdict": "misaligned"}, 1),
            ({}, {"verdict": "aligned", "harm": "crime"}, 0),
        ],
    )
    def test_counts_decisions_beyond_what_the_experts_gave(self, team, scores, labels, overridden):
        stage, divergent = make_divergent_stage(team, divergent=1, agreed=0)
        case = claim_case(response=divergent[0], by=team.lead, now=NOW)
        decide(case, score=4, scores={"safety": 4} | scores, labels=labels)
        found = survey(stage)
        assert (found.overridden, found.override_rate) == (overridden, overridden / 1)

    def test_has_no_rate_before_the_first_decision(self, team):
        stage, _ = make_divergent_stage(team)
        assert survey(stage).override_rate is None

    def test_counts_the_final_labels_by_class(self, team):
        found = survey(make_final_stage(team))
        assert found.is_final and not found.may_finalize
        assert dict(found.labels) == {
            "Fully aligned": 4,
            "Partly aligned": 0,
            "Misaligned": 0,
            "Not judged": 0,
            "Excluded": 0,
        }

    def test_leaves_out_other_stages(self, team):
        first = make_final_stage(team)
        second = make_rating_stage(team.project)
        make_divergent(responses_of(second)[0], team.experts, now=NOW + timedelta(days=1))
        assert (survey(first).waiting, survey(second).waiting) == (0, 1)
