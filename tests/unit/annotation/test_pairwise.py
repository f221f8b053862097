import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from annotation.pairwise import NOTHING_GIVEN, pair_raters

POINTS = [1, 2, 3, 4, 5]


def paired(*columns, axes=None):
    """The pairs of raters "a", "b", …, each given the scores of all responses on one axis."""
    rows = [
        (rater, response, [score] if isinstance(score, int) else list(score))
        for rater, scores in zip("abcdefgh", columns, strict=False)
        for response, score in enumerate(scores)
        if score is not None
    ]
    raters, responses, answers = zip(*rows, strict=True)
    return pair_raters(raters, responses, np.array(answers), axes or [POINTS])


class TestPairRaters:
    def test_pairs_those_who_share_ten_responses(self):
        scores = [1, 2, 3, 4, 5] * 4
        found = paired(scores, scores[:10] + [None] * 10, [None] * 5 + scores[5:10] + [None] * 10)
        assert [(pair.one, pair.other, pair.shared) for pair in found.pairs] == [("a", "b", 10)]

    def test_orders_raters_as_a_weighted_kappa_does_where_answers_vary(self):
        draw = np.random.default_rng(1)
        truth = draw.integers(1, 6, 400)
        near = np.clip(truth + draw.integers(-1, 2, 400), 1, 5)
        far = np.clip(truth + draw.integers(-3, 4, 400), 1, 5)
        found = {
            (pair.one, pair.other): pair for pair in paired(truth.tolist(), near.tolist(), far.tolist()).pairs
        }
        kappas = [cohen_kappa_score(truth, each, weights="quadratic") for each in (near, far)]
        ours = [found["a", "b"].agreement, found["a", "c"].agreement]
        assert ours[0] > ours[1] and kappas[0] > kappas[1]
        assert ours == pytest.approx(kappas, abs=0.1)

    def test_stays_high_where_nearly_all_answers_are_one_value(self):
        one, other = [5] * 40, [5] * 39 + [4]
        assert paired(one, other).pairs[0].agreement > 0.95
        assert cohen_kappa_score(one, other, weights="quadratic") == 0

    def test_leaves_out_what_either_did_not_answer(self):
        one = [(1 + n % 5, 2) for n in range(20)]
        other = [(1 + n % 5, NOTHING_GIVEN) for n in range(20)]
        (pair,) = paired(one, other, axes=[POINTS, POINTS]).pairs
        assert (pair.agreement, pair.same) == (1, 0)


class TestIdentical:
    def varied(self, seed, length=30):
        return np.random.default_rng(seed).integers(1, 6, length).tolist()

    def test_is_told_of_two_whose_answers_are_all_the_same(self):
        copied = self.varied(1)
        found = paired(copied, copied, self.varied(2))
        assert [(pair.one, pair.other) for pair in found.identical] == [("a", "b")]

    def test_is_told_of_three(self):
        copied = self.varied(1)
        assert len(paired(copied, copied, copied).identical) == 3

    def test_is_not_told_of_few_responses(self):
        copied = self.varied(1, length=19)
        assert not paired(copied, copied).identical

    def test_is_not_told_where_everyone_nearly_always_says_the_same(self):
        assert not paired([5] * 40, [5] * 40, [5] * 39 + [4]).identical

    def test_is_not_told_where_one_answer_differs(self):
        copied = self.varied(1)
        assert not paired(copied, [*copied[:-1], 1 + copied[-1] % 5]).identical

    def test_reads_labels_too(self):
        one = [(score, score % 2) for score in self.varied(1)]
        other = [(score, 0) for score, _ in one]
        assert not paired(one, other).identical
