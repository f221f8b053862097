import pytest

from core.scales import Scale


class TestScale:
    @pytest.mark.parametrize(
        ("ends", "usual"),
        [
            ((1, 5), (1, 2, 4)),
            ((0, 3), (1, 0, 3)),
            ((0, 1), (0, 0, 1)),
            ((0, 10), (3, 2, 8)),
            ((0, 100), (25, 25, 75)),
        ],
    )
    def test_knows_the_usual_rules_of_its_range(self, ends, usual):
        scale = Scale(*ends)
        assert (scale.usual_tau, scale.usual_misaligned_cut, scale.usual_aligned_cut) == usual

    def test_has_steps_for_up_to_ten_points(self):
        assert Scale(1, 10).has_steps and Scale(0, 9).has_steps
        assert not Scale(0, 10).has_steps
        assert (Scale(0, 2).anchored, Scale(0, 100).anchored) == ([0, 1, 2], [0, 100])

    @pytest.mark.parametrize("score", [-1, 101, 7.0, True, "7", None])
    def test_holds_whole_numbers_of_its_range_only(self, score):
        assert Scale(0, 100).holds(0) and Scale(0, 100).holds(100)
        assert not Scale(0, 100).holds(score)

    def test_places_a_share_and_back(self):
        assert [Scale(0, 100).at(share) for share in (0, 0.374, 1)] == [0, 37, 100]
        assert (Scale(1, 5).place(3), Scale(0, 100).place(130)) == (0.5, 1.0)
