from collections import Counter
from itertools import combinations, pairwise

import pytest

from annotation.pairing import draw_pairs, stands_left


def answered(prompts=60, versions="abc", candidates=1):
    return {
        prompt: {
            version: [f"{prompt}{version}{number}" for number in range(candidates)] for version in versions
        }
        for prompt in range(prompts)
    }


def versions_of(pair):
    return tuple(sorted(response[-2] for response in pair[1:]))


class TestDrawPairs:
    def test_lays_every_two_versions_side_by_side_once_a_prompt(self):
        pairs = draw_pairs(answered(), seed="7:comparison-1")
        assert len(pairs) == len({(pair[0], versions_of(pair)) for pair in pairs}) == 180
        assert {versions_of(pair) for pair in pairs} == set(combinations("abc", 2))

    def test_is_the_same_for_a_seed_whatever_order_the_answers_come_in_and_another_for_another(self):
        answers = answered()
        upside_down = dict(reversed(answers.items()))
        assert draw_pairs(answers, seed="7") == draw_pairs(upside_down, seed="7")
        assert draw_pairs(answers, seed="7") != draw_pairs(answers, seed="8")

    def test_of_a_sample_gives_all_versions_equally_often(self):
        pairs = draw_pairs(answered(versions="abcde"), seed="7", per_prompt=2)
        assert Counter(pair[0] for pair in pairs) == dict.fromkeys(range(60), 2)
        often = Counter(map(versions_of, pairs))
        assert (len(often), max(often.values()) - min(often.values())) == (10, 0)

    def test_keeps_the_pairs_of_a_prompt_as_far_apart_as_can_be(self):
        order = [pair[0] for pair in draw_pairs(answered(), seed="7")]
        places = {prompt: [i for i, each in enumerate(order) if each == prompt] for prompt in order}
        assert {after - before for of in places.values() for before, after in pairwise(of)} == {60}

    def test_lets_the_order_tell_nothing_of_the_versions(self):
        pairs = draw_pairs(answered(prompts=600), seed="7")
        # Whoever guesses by the third in which a pair comes is right one time in three.
        for start in range(0, 1800, 600):
            often = Counter(map(versions_of, pairs[start : start + 600]))
            assert all(150 < often[two] < 250 for two in combinations("abc", 2))

    def test_matches_candidates_in_turn_and_leaves_out_what_one_version_alone_answered(self):
        answers = {1: {"a": ["a0", "a1"], "b": ["b0"]}, 2: {"a": ["a2"]}}
        found = {frozenset(pair[1:]) for pair in draw_pairs(answers, seed="7")}
        assert found == {frozenset({"a0", "b0"}), frozenset({"a1", "b0"})}


class TestStandsLeft:
    @pytest.mark.parametrize("of", ["experts", "pairs"])
    def test_puts_each_response_left_about_as_often_as_right(self, of):
        drawn = [
            stands_left(1, 2, seed=7, expert=number)
            if of == "experts"
            else stands_left(2 * number, 2 * number + 1, seed=7, expert=1) % 2 + 1
            for number in range(2000)
        ]
        assert 900 < drawn.count(1) < 1100
        assert stands_left(1, 2, seed=7, expert=5) == stands_left(1, 2, seed=7, expert=5)
