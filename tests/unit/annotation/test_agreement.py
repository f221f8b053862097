"""Divergence and agreement, against the definition, against the library, against published numbers."""

import itertools
import math

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.agreement import (
    ASKED,
    CONFLICT,
    SPREAD,
    UNJUDGEABLE,
    Judgement,
    Reason,
    Rules,
    alpha_interval,
    count_values,
    exact_share,
    find_divergence,
    gwet_ac,
    krippendorff_alpha,
    lacks_variety,
    spread_share,
)

AXES, SETS = ("safety", "helpfulness"), ("verdict", "kind")
ABSTAINING = "cannot-tell"

judgements = st.lists(
    st.builds(
        Judgement,
        expert=st.integers(1, 50),
        scores=st.fixed_dictionaries({axis: st.integers(1, 5) for axis in AXES}),
        labels=st.dictionaries(st.sampled_from(SETS), st.sampled_from(["a", "b", ABSTAINING])),
        asks_senior=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda judgement: judgement.expert,
)
rules = st.builds(
    Rules,
    ratings_per_response=st.integers(1, 5),
    tolerances=st.fixed_dictionaries({axis: st.integers(0, 4) for axis in AXES}),
    escalating=st.dictionaries(st.sampled_from(SETS), st.just(frozenset({ABSTAINING}))),
)


def judge(expert, safety, verdict="a", asks_senior=False):
    return Judgement(expert, {"safety": safety}, {"verdict": verdict}, asks_senior)


STRICT = Rules(3, {"safety": 1}, {"verdict": frozenset({ABSTAINING})})


class TestFindDivergence:
    def test_finds_none_where_scores_lie_within_tau(self):
        assert find_divergence([judge(1, 4), judge(2, 5), judge(3, 4)], STRICT) == []

    def test_names_axis_spread_and_tau(self):
        reasons = find_divergence([judge(1, 2), judge(2, 5), judge(3, 4)], STRICT)
        assert reasons == [Reason(SPREAD, axis="safety", spread=3, tau=1)]

    def test_names_the_conflicting_answers(self):
        reasons = find_divergence([judge(1, 4, "b"), judge(2, 4, "a"), judge(3, 4, "b")], STRICT)
        assert reasons == [Reason(CONFLICT, label_set="verdict", values=("a", "b"))]

    def test_lets_abstaining_conflict_with_nobody(self):
        assert find_divergence([judge(1, 4), judge(2, 4, ABSTAINING), judge(3, 4)], STRICT) == []

    def test_names_who_asked(self):
        reasons = find_divergence(
            [judge(3, 4, asks_senior=True), judge(1, 4, asks_senior=True), judge(2, 4)], STRICT
        )
        assert reasons == [Reason(ASKED, asked_by=1), Reason(ASKED, asked_by=3)]

    def test_says_when_too_few_could_judge(self):
        assert find_divergence([judge(1, 4)], STRICT) == [Reason(UNJUDGEABLE)]
        assert find_divergence([], STRICT) == [Reason(UNJUDGEABLE)]

    @given(judgements, rules, st.randoms(use_true_random=False))
    def test_does_not_depend_on_the_order_of_ratings(self, given_judgements, some_rules, random):
        shuffled = given_judgements.copy()
        random.shuffle(shuffled)
        assert find_divergence(shuffled, some_rules) == find_divergence(given_judgements, some_rules)

    @given(judgements, rules)
    def test_gives_a_spread_if_and_only_if_two_ratings_lie_further_apart_than_tau(
        self, given_judgements, some_rules
    ):
        apart = {
            axis
            for axis in AXES
            for one in given_judgements
            for other in given_judgements
            if one.scores[axis] - other.scores[axis] > some_rules.tolerances[axis]
        }
        found = find_divergence(given_judgements, some_rules)
        assert {reason.axis for reason in found if reason.kind == SPREAD} == apart

    @given(judgements, rules)
    def test_gives_a_conflict_if_and_only_if_two_experts_chose_different_values(
        self, given_judgements, some_rules
    ):
        conflicting = {
            label_set
            for label_set in some_rules.escalating
            for one in given_judgements
            for other in given_judgements
            if {one.labels.get(label_set), other.labels.get(label_set)} == {"a", "b"}
        }
        found = find_divergence(given_judgements, some_rules)
        assert {reason.label_set for reason in found if reason.kind == CONFLICT} == conflicting

    @given(judgements, rules)
    def test_tells_who_asked_and_whether_ratings_are_missing_and_nothing_else(
        self, given_judgements, some_rules
    ):
        found = find_divergence(given_judgements, some_rules)
        asked = {judgement.expert for judgement in given_judgements if judgement.asks_senior}
        assert {reason.asked_by for reason in found if reason.kind == ASKED} == asked
        missing = len(given_judgements) < some_rules.ratings_per_response
        assert [reason.kind for reason in found].count(UNJUDGEABLE) == missing


# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four observers, twelve units.
PUBLISHED = [
    [1, 1, None, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [None, 5, 5, 5],
    [None, None, 1, 1],
    [None, None, 3, None],
]
PUBLISHED_COUNTS = count_values([[v for v in unit if v is not None] for unit in PUBLISHED], range(1, 6))

count_tables = st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=30)


class TestKrippendorffAlpha:
    def test_gives_the_published_nominal_value(self):
        assert round(krippendorff_alpha(PUBLISHED_COUNTS, "nominal"), 3) == 0.743

    def test_gives_the_published_ordinal_value(self):
        assert round(krippendorff_alpha(PUBLISHED_COUNTS, "ordinal"), 3) == 0.815

    @given(count_tables, st.sampled_from(["ordinal", "nominal"]))
    def test_equals_the_library_on_raw_ratings(self, table, level):
        counts = np.array(table)
        ours = krippendorff_alpha(counts, level)
        pairable = counts[counts.sum(axis=1) >= 2]
        if np.count_nonzero(pairable.sum(axis=0)) < 2:
            assert ours is None
            return
        width = pairable.sum(axis=1).max()
        raw = [np.repeat(np.arange(1.0, 6.0), row).tolist() for row in pairable]
        matrix = np.array([row + [np.nan] * (width - len(row)) for row in raw]).T
        theirs = krippendorff.alpha(reliability_data=matrix, level_of_measurement=level)
        assert ours == pytest.approx(theirs, abs=1e-12)

    @pytest.mark.parametrize(
        "counts",
        [[], [[0, 0, 0, 3, 0]] * 4, [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]]],
        ids=["none", "unanimous", "single"],
    )
    def test_is_undefined_without_anything_to_compare(self, counts):
        assert krippendorff_alpha(counts, "ordinal") is None

    def test_ignores_values_nobody_chose(self):
        narrow = krippendorff_alpha([[2, 1], [0, 3], [3, 0]], "ordinal")
        wide = krippendorff_alpha([[0, 2, 0, 1], [0, 0, 0, 3], [0, 3, 0, 0]], "ordinal")
        assert wide == pytest.approx(narrow)


class TestAlphaInterval:
    def test_holds_alpha_and_narrows_with_responses(self):
        draw = np.random.default_rng(3)
        truth = draw.integers(0, 5, 400)
        ratings = np.clip(truth[:, None] + draw.integers(-1, 2, (400, 3)), 0, 4)
        counts = np.stack([(ratings == value).sum(axis=1) for value in range(5)], axis=1)
        few, many = alpha_interval(counts[:40], "ordinal"), alpha_interval(counts, "ordinal")
        assert many[0] < krippendorff_alpha(counts, "ordinal") < many[1]
        assert 2 < (few[1] - few[0]) / (many[1] - many[0]) < 5
        assert alpha_interval(counts, "ordinal") == many

    def test_takes_patterns_for_the_responses_that_show_them(self):
        counts = np.array([[3, 0], [2, 1], [0, 3]])
        times = np.array([20, 5, 15])
        low, high = alpha_interval(counts, "nominal", times)
        assert low < krippendorff_alpha(counts, "nominal", times) < high

    def test_is_unknown_where_alpha_is(self):
        assert alpha_interval([[3, 0]] * 10, "nominal") == (None, None)
        assert alpha_interval([[3, 0]] * 39 + [[2, 1]], "nominal") == (None, None)


class TestGwetAc:
    def test_gives_the_value_that_its_author_gives_for_the_published_ratings(self):
        """The package irrCAC, gwet.ac1.raw(cac.raw4raters)."""
        assert gwet_ac(PUBLISHED_COUNTS, "nominal") == pytest.approx(0.77544, abs=5e-6)

    @given(count_tables)
    def test_follows_from_pairs_of_ratings_weighed_by_their_distance(self, table):
        counts = np.array(table)
        rows = [np.repeat(np.arange(5), row).tolist() for row in table]
        weights = [[1 - math.comb(abs(a - b) + 1, 2) / 10 for b in range(5)] for a in range(5)]
        pairs = [[weights[a][b] for a, b in itertools.permutations(row, 2)] for row in rows if len(row) > 1]
        if not pairs:
            assert gwet_ac(counts, "ordinal") is None
            return
        observed = np.mean([np.mean(each) for each in pairs])
        chosen = np.mean([np.bincount(row, minlength=5) / len(row) for row in rows if row], axis=0)
        expected = np.sum(weights) / 20 * (chosen * (1 - chosen)).sum()
        assert gwet_ac(counts, "ordinal") == pytest.approx((observed - expected) / (1 - expected))

    def test_stays_high_where_nearly_all_choose_the_same(self):
        counts = [[0, 0, 0, 0, 3]] * 39 + [[0, 0, 0, 1, 2]]
        assert krippendorff_alpha(counts, "ordinal") == pytest.approx(0, abs=0.01)
        assert gwet_ac(counts, "ordinal") > 0.99
        assert gwet_ac([[0, 0, 3]] * 4, "nominal") == 1

    def test_counts_responses_by_their_times(self):
        rows = [[3, 0, 0], [2, 1, 0], [0, 0, 3], [1, 0, 0]]
        repeated = [row for row, times in zip(rows, [5, 2, 3, 4], strict=True) for _ in range(times)]
        assert gwet_ac(rows, "ordinal", [5, 2, 3, 4]) == pytest.approx(gwet_ac(repeated, "ordinal"))


class TestLacksVariety:
    @pytest.mark.parametrize(
        ("alpha", "ac", "lacks"),
        [(None, 1.0, True), (0.0, 0.99, True), (0.7, 0.99, False), (0.3, 0.4, False), (None, None, False)],
    )
    def test_tells_low_agreement_from_one_value_alone(self, alpha, ac, lacks):
        assert lacks_variety(alpha, ac) is lacks


class TestShares:
    def test_exact_counts_responses_on_which_all_agree(self):
        assert exact_share([[3, 0], [2, 1], [0, 3], [1, 0]]) == pytest.approx(2 / 3)

    def test_spread_counts_responses_further_apart_than_tau(self):
        counts = count_values([[1, 2, 2], [1, 3, 1], [5, 5, 5], [2]], range(1, 6))
        assert spread_share(counts, tau=1) == pytest.approx(1 / 3)
        assert spread_share(counts, tau=2) == 0

    def test_are_undefined_without_two_ratings_of_anything(self):
        assert exact_share([[1, 0]]) is None
        assert spread_share([[1, 0]], tau=0) is None
        assert exact_share([]) is None

    @given(st.lists(st.lists(st.integers(1, 5), min_size=2, max_size=5), min_size=1), st.integers(0, 4))
    def test_spread_share_follows_the_divergence_rule(self, ratings, tau):
        counts = count_values(ratings, range(1, 6))
        expected = sum(max(answers) - min(answers) > tau for answers in ratings) / len(ratings)
        assert spread_share(counts, tau) == pytest.approx(expected)
