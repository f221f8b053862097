from jobs.reasons import NONE, Reason, reason, told


class TestReason:
    def test_is_told_in_words_with_its_parameters(self):
        assert str(reason("killed", signal="SIGTERM")) == "The process was ended by SIGTERM."

    def test_is_told_in_the_readers_language(self):
        def german(words):
            return {"The process was ended by %(signal)s.": "Der Prozess wurde durch %(signal)s beendet."}[
                words
            ]

        assert reason("killed", signal="SIGTERM").told(german) == "Der Prozess wurde durch SIGTERM beendet."

    def test_names_its_cause(self):
        why = told("There is no folder x.").within("encoder_not_loaded")
        assert why.params == {"because": "told", "text": "There is no folder x."}
        assert str(why) == "Sentence-BERT could not be loaded: There is no folder x."

    def test_shows_a_sentence_as_it_came(self):
        assert str(told("100% of it, {as} %(it)s is")) == "100% of it, {as} %(it)s is"

    def test_is_nothing_without_a_code(self):
        assert not NONE and str(NONE) == ""

    def test_of_a_later_version_is_shown_by_its_code(self):
        assert str(Reason("not_known_yet", {"x": 1})) == "not_known_yet"
