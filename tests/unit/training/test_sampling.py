import torch
from transformers import TopPLogitsWarper

from training.trainer.sampling import FIRST_LOOK, RowSampler, nucleus, row_seed


def random_scores(rows=6, vocabulary=2000, spread=3.0):
    return torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(1)) * spread


class TestNucleus:
    def test_is_what_transformers_keeps(self):
        for spread in (0.1, 1.0, 4.0):  # the first two need more than the first look
            scores = random_scores(spread=spread)
            warped = TopPLogitsWarper(0.9)(None, scores.clone())
            ids, logs = nucleus(scores, 0.9)
            ours = torch.zeros_like(scores, dtype=torch.bool).scatter(1, ids, logs > -torch.inf)
            assert torch.equal(ours, warped > -torch.inf)

    def test_keeps_the_top_token_however_small_top_p(self):
        scores = random_scores()
        ids, logs = nucleus(scores, 1e-6)
        assert ids.shape[1] == FIRST_LOOK
        assert (logs > -torch.inf).sum(1).tolist() == [1] * 6
        assert torch.equal(ids[:, 0], scores.argmax(1))


class TestRowSampler:
    def draw(self, scores, seeds, steps=1, **kwargs):
        sampler = RowSampler(seeds, **{"temperature": 1.0, "top_p": 1.0, **kwargs})
        return [sampler(None, scores).argmax(-1).tolist() for _ in range(steps)]

    def test_draws_a_row_by_its_own_seed_in_any_company(self):
        scores = random_scores()
        seeds = list(range(6))
        together = self.draw(scores, seeds, steps=5, top_p=0.9)
        backwards = self.draw(scores.flip(0), seeds[::-1], steps=5, top_p=0.9)
        alone = self.draw(scores[2:3], [2], steps=5, top_p=0.9)
        assert [step[::-1] for step in backwards] == together
        assert [step[0] for step in alone] == [step[2] for step in together]

    def test_draws_from_the_distribution(self):
        scores = torch.tensor([[1.0, 0.0, 2.0, -1.0]]).repeat(500, 1)
        for top_p, expected in (
            (1.0, (scores[0] / 0.7).softmax(0)),
            (0.9, (scores[0, [0, 2]] / 0.7).softmax(0)),
        ):
            sampler = RowSampler(list(range(500)), temperature=0.7, top_p=top_p)
            drawn = torch.cat([sampler(None, scores).argmax(-1) for _ in range(40)])
            shares = torch.bincount(drawn, minlength=4) / len(drawn)
            kept = shares if top_p == 1 else shares[[0, 2]]
            # 20,000 draws: four standard errors of a share are at most 0.014
            assert torch.allclose(kept, expected, atol=0.014)
            if top_p < 1:
                assert shares[1] == shares[3] == 0

    def test_is_greedy_at_temperature_0(self):
        scores = random_scores()
        assert self.draw(scores, list(range(6)), temperature=0) == [scores.argmax(-1).tolist()]


class TestRowSeed:
    def test_differs_by_seed_and_by_row_and_fits_32_bits(self):
        seeds = {row_seed(seed, row) for seed in (0, 1, 2**62) for row in ("a", "b", 3)}
        assert len(seeds) == 9
        assert all(0 <= seed < 2**32 for seed in seeds)
        assert row_seed(5, "a") == row_seed("5", "a") == row_seed(5, "a")
