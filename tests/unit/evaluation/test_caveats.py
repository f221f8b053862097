import numpy as np

from evaluation.caveats import Basis, caveats_of
from evaluation.comparisons import Endpoint, compare
from evaluation.per_prompt import PerPrompt


def basis(**fields):
    given = {
        "title": "Base",
        "prompts": 300,
        "responses": 300,
        "cut_off": 0,
        "not_judged": 0,
        "excluded": 0,
        "set_aside": 0,
        "set_aside_because": (),
        "unanswered": 0,
        "policy_version": 1,
        "raters": frozenset({1, 2, 3}),
        "simulated": False,
        "mixed": False,
        "refusals": 0,
        "truncated_prompts": 0,
        "truncated_responses": 0,
    }
    return Basis(**(given | fields))


def text(*bases):
    return " ".join(caveats_of(bases))


class TestCaveatsOf:
    def test_warns_that_separate_rounds_can_deceive(self):
        assert "round of its own" in text(basis(), basis(title="Stage 1"))
        assert "round of its own" not in text(basis())

    def test_names_what_rests_on_simulated_experts_first(self):
        said = caveats_of([basis(simulated=True), basis(title="Stage 1", simulated=True)])
        assert said[0].startswith("Base and Stage 1 rest on ratings by simulated experts")

    def test_says_where_other_experts_rated(self):
        assert "same experts" in text(basis(), basis(title="Stage 1", raters=frozenset({1, 2, 9})))
        assert "same experts" not in text(basis(), basis(title="Stage 1"))

    def test_says_where_the_policy_changed(self):
        assert "Base: v1, Stage 1: v2" in text(basis(), basis(title="Stage 1", policy_version=2))

    def test_calls_few_prompts_few(self):
        assert "24 held-out prompts are few" in text(basis(prompts=24))
        assert "are few" not in text(basis())

    def test_tells_how_small_a_change_the_data_can_show(self):
        generator = np.random.default_rng(2)
        endpoints = [
            [
                Endpoint(
                    "misaligned", "", "share", PerPrompt.grouped(range(100), generator.random(100) < share)
                )
            ]
            for share in (0.27, 0.12)
        ]
        comparison = compare((0, "Base", endpoints[0]), (1, "Stage 1", endpoints[1]), seed=0)
        points = f"{100 * comparison.changes[0].detectable:.0f} percentage points"
        said = " ".join(caveats_of([basis(), basis(title="Stage 1")], [comparison]))
        assert "100 prompts whose answers change as these do, and 1 figure tested at once, find" in said
        assert f"if it is {points} or more" in said and "“Not significant” is not “no change”" in said

    def test_tells_apart_who_rated_together(self):
        said = text(basis(), basis(title="Stage 1", simulated=True, mixed=True))
        assert "In Stage 1 people and simulated experts both rated" in said
        assert "both rated" not in text(basis(), basis(title="Stage 1", simulated=True))

    def test_tells_how_many_answers_were_cut_off(self):
        said = text(basis(cut_off=261), basis(title="Stage 1", cut_off=60))
        assert "were cut off: 87 % of Base and 20 % of Stage 1." in said
        assert "cut off" not in text(basis())

    def test_counts_the_prompts_that_were_learned(self):
        assert "2 of 117 held-out prompts say nearly" in " ".join(caveats_of([basis()], [], (2, 117)))
        assert "say nearly" not in " ".join(caveats_of([basis()], [], (0, 117)))

    def test_counts_what_is_excluded(self):
        assert "1 held-out response that a lead excluded counts" in text(basis(excluded=1))
        assert "3 held-out responses that leads excluded count" in text(basis(excluded=3))

    def test_explains_an_agreement_that_lacks_variety(self):
        assert "On Safety and Clarity nearly all ratings are the same value" in text(
            basis(lacking_variety=("Safety",)), basis(lacking_variety=("Safety", "Clarity"))
        )

    def test_explains_the_cosine_of_refusals(self):
        assert "correct refusal" in text(basis(refusals=2))

    def test_tells_what_the_encoder_did_not_read(self):
        assert "beginning of 1 held-out prompt and 2 held-out responses of Base" in text(
            basis(truncated_prompts=1, truncated_responses=2)
        )
        assert "beginning of 3 held-out prompts of Base" in text(basis(truncated_prompts=3))
        assert "beginning" not in text(basis())

    def test_is_silent_without_a_final_stage(self):
        assert caveats_of([]) == []
