import pytest

from training.choice import Trial, choose


def trial(number, *losses, epochs=2, learning_rate=1e-4):
    return Trial(number, learning_rate, epochs, 8, losses)


class TestTrial:
    def test_has_the_mean_and_spread_of_its_seeds(self):
        assert (trial(1, 1.0, 2.0, 3.0).mean, trial(1, 1.0, 2.0, 3.0).spread) == (2.0, 1.0)
        assert (trial(1, 1.5).mean, trial(1, 1.5).spread) == (1.5, None)
        assert (trial(1, None).mean, trial(1, None).is_complete) == (None, False)


class TestChoose:
    def test_takes_the_lowest_mean_and_not_the_luckiest_seed(self):
        lucky, steady = trial(1, 0.5, 3.0), trial(2, 1.0, 1.2)
        choice = choose([lucky, steady])
        assert (choice.trial, choice.runner_up, choice.tie_broken_by) == (steady, lucky, "")
        assert choice.lead == pytest.approx(0.65)

    @pytest.mark.parametrize(
        ("other", "by"),
        [
            (trial(1, 1.0, 2.0, epochs=3, learning_rate=1e-5), "epochs"),
            (trial(1, 2.0, 1.0, learning_rate=2e-4), "learning_rate"),
            (trial(3, 1.5, 1.5), "number"),
        ],
    )
    def test_breaks_ties_by_fewer_epochs_then_the_lower_rate_then_the_order(self, other, by):
        best = trial(2, 1.0, 2.0)
        choice = choose([other, best])
        assert (choice.trial, choice.tie_broken_by, choice.lead) == (best, by, 0)

    def test_leaves_out_a_trial_that_lacks_a_seed_however_low_it_is(self):
        partial, whole = trial(1, 0.1, None), trial(2, 1.0, 1.0)
        choice = choose([partial, whole])
        assert (choice.trial, choice.runner_up, choice.left_out) == (whole, None, (partial,))

    def test_makes_none_without_validation_losses(self):
        choice = choose([trial(1, None, None), trial(2, None, None)])
        assert (choice.trial, choice.lead, len(choice.left_out)) == (None, None, 2)

    def test_says_where_the_seeds_lie_further_apart_than_the_trials(self):
        assert choose([trial(1, 1.0, 1.2), trial(2, 1.1, 1.2)]).is_within_spread
        assert not choose([trial(1, 1.0, 1.01), trial(2, 1.5, 1.51)]).is_within_spread
        assert not choose([trial(1, 1.0), trial(2, 1.0)]).is_within_spread
        assert not choose([trial(1, 1.0, 2.0)]).is_within_spread
