import pytest

from evaluation.scripts import in_another_script, main_script

QUESTION = "How do I bake bread?"


class TestMainScript:
    @pytest.mark.parametrize(
        ("text", "script"),
        [
            (QUESTION, "LATIN"),
            ("Как испечь хлеб?", "CYRILLIC"),
            ("パンはどうやって焼きますか", "CJK"),
            ("如何在家里烤面包呢？", "CJK"),
            ("كيف أخبز الخبز؟", "ARABIC"),
            ("Naïve façades, né à Zürich", "LATIN"),
            ("12 + 30 = 42", None),
            ("", None),
        ],
    )
    def test_is_that_of_most_letters(self, text, script):
        assert main_script(text) == script


class TestInAnotherScript:
    def test_tells_an_answer_in_another_script(self):
        assert in_another_script(QUESTION, "Смешайте муку с водой")

    def test_takes_a_quoted_word_for_no_change(self):
        assert not in_another_script(QUESTION, "Хлеб is the Russian word; mix flour, water and yeast.")

    @pytest.mark.parametrize("answer", ["", "42", "да"])
    def test_says_nothing_of_few_letters(self, answer):
        assert not in_another_script(QUESTION, answer)
