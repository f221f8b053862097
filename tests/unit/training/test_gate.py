import pytest

from core.models import GateRule
from training.gate import Figure, verdict_of, worst
from training.models import Verdict


def rule(measure="empty", bound=0.1, consequence="stop"):
    return GateRule(measure=measure, bound=bound, consequence=consequence)


class TestVerdictOf:
    @pytest.mark.parametrize(
        ("value", "consequence", "verdict"),
        [(0.1, "stop", Verdict.PASS), (0.11, "stop", Verdict.STOP), (0.11, "warn", Verdict.WARN)],
    )
    def test_follows_from_the_bound_and_its_consequence(self, value, consequence, verdict):
        assert verdict_of(rule(consequence=consequence), Figure("empty", value=value)) == verdict

    def test_is_no_pass_where_nothing_was_measured(self):
        assert verdict_of(rule(), Figure("empty", why="no_answers")) == Verdict.NOT_MEASURED

    def test_warns_where_a_score_might_be_worse_than_the_margin(self):
        unsure = Figure("coherence", value=0.0, low=-0.2, high=0.2)
        assert verdict_of(rule("coherence"), unsure) == Verdict.WARN
        assert verdict_of(rule("empty"), Figure("empty", value=0.0, low=-0.2, high=0.2)) == Verdict.PASS


class TestWorst:
    def test_is_the_worst_and_not_measured_is_worse_than_passed(self):
        assert worst([Verdict.PASS, Verdict.NOT_MEASURED]) == Verdict.NOT_MEASURED
        assert worst([Verdict.NOT_MEASURED, Verdict.WARN, Verdict.PASS]) == Verdict.WARN
        assert worst([Verdict.WARN, Verdict.STOP]) == Verdict.STOP
        assert worst([]) == Verdict.NOT_MEASURED
