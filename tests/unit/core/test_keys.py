import pytest

from core.keys import Keys, plain_key, same_name


class TestPlainKey:
    @pytest.mark.parametrize(
        ("name", "key"),
        [
            ("Safety", "safety"),
            ("Harm category", "harm-category"),
            ("Is it true?", "is-it-true"),
            ("Don’t know", "dont-know"),
            ("Größe der Gefahr", "grosse-der-gefahr"),
            ("well-made (short)", "well-made-short"),
            ("N/A", "n-a"),
            ("x" * 50, "x" * 40),
            ("+1", ""),
            ("-1", ""),
            ("A-", ""),
            ("C++", ""),
            ("C#", ""),
            ("50 %", ""),
            ("安全", ""),
            ("Проверка 7", ""),
            ("👍", ""),
            ("…", ""),
            ("", ""),
        ],
    )
    def test_is_what_the_name_says_or_nothing(self, name, key):
        assert plain_key(name, 40) == key


class TestSameName:
    def test_minds_neither_case_nor_form_nor_blanks(self):
        assert same_name("Cafe\u0301  NOIR\u200b ") == same_name("café noir")
        assert same_name("C") != same_name("C++")


class TestKeys:
    def test_are_distinct_and_made_where_a_name_is_not_plain(self):
        keys = Keys({}, kind="label")
        assert [keys.give(name) for name in ("+1", "-1", "C", "C++", "安全", "c.", "A/B", "a-b")] == [
            "label-1",
            "label-2",
            "c",
            "label-3",
            "label-4",
            "c-2",
            "a-b",
            "a-b-2",
        ]

    def test_never_mean_something_else_than_before(self):
        keys = Keys({"label-1": "安全", "safe": "Safe", "label-2": "有用"}, kind="label")
        keys.keep("label-2")
        assert [keys.give(name) for name in ("无害", "安全", "有用", "SAFE", "safe!")] == [
            "label-3",
            "label-1",
            "label-4",
            "safe",
            "safe-2",
        ]

    def test_keep_to_their_length(self):
        keys = Keys({}, kind="label", longest=10)
        given = [keys.give("Abcdefghijkl " + mark) for mark in ("", ".", "!")]
        assert given == ["abcdefghij", "abcdefgh-2", "abcdefgh-3"]
