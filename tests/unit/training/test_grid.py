from training.grid import MOST_RUNS, draw_seeds, expand, faults_of

ONE = {"learning_rate": [1e-4], "epochs": [2], "batch_size": [8]}


class TestDrawSeeds:
    def test_draws_the_same_from_the_same_seed_and_others_from_another(self):
        assert draw_seeds(7) == draw_seeds(7) == draw_seeds(7, 5)[:3]
        assert len({*draw_seeds(7, 30), *draw_seeds(8, 30)}) == 60


class TestExpand:
    def test_combines_every_value_with_every_other(self):
        trials = expand({"learning_rate": [1e-4, 5e-5], "epochs": [1, 3], "batch_size": [8]})
        assert [tuple(trial.values()) for trial in trials] == [
            (1e-4, 1, 8),
            (1e-4, 3, 8),
            (5e-5, 1, 8),
            (5e-5, 3, 8),
        ]


class TestFaultsOf:
    def test_takes_several_seeds_or_several_values(self):
        assert faults_of([1, 2, 3], ONE) == faults_of([1], ONE | {"epochs": [1, 2]}) == []

    def test_names_what_is_missing_and_what_stands_twice(self):
        faults = faults_of([], ONE | {"epochs": [], "batch_size": [4, 4]})
        assert [("seed" in fault, "epochs" in fault, "batch size" in fault) for fault in faults] == [
            (True, False, False),
            (False, True, False),
            (False, False, True),
        ]
        assert "same seed" in faults_of([4, 4], ONE)[0]

    def test_refuses_a_single_run_and_more_than_a_group_may_have(self):
        assert "single run" in faults_of([1], ONE)[0]
        seeds = list(range(MOST_RUNS))
        assert faults_of(seeds, ONE) == []
        assert str(MOST_RUNS + 1) in faults_of([*seeds, 99], ONE)[0]
