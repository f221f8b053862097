import pytest

pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from training.trainer.pieces import pieces_of


@pytest.fixture
def by_bytes():
    """A tokenizer whose tokens are single bytes, so that most characters are several."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner)


class TestPiecesOf:
    def test_are_the_text_whole_with_a_character_at_its_last_token(self, by_bytes):
        text = "Ein Ei – sechs Minuten 🥚, dann شكرا."
        ids = by_bytes(text)["input_ids"]
        pieces = pieces_of(by_bytes, ids)
        assert len(pieces) == len(ids) > len(text)
        assert "".join(pieces) == text
        assert all("\ufffd" not in piece for piece in pieces)

    def test_keep_blanks_between_words(self):
        from tests.tiny_model import tiny_tokenizer

        tokenizer = tiny_tokenizer()
        ids = tokenizer("how do I do the task safely at home")["input_ids"]
        assert "".join(pieces_of(tokenizer, ids)) == tokenizer.decode(ids)
