import re

import pytest

from annotation.models import Response
from core.addresses import KINDS, LARGEST, LENGTH, decipher, encipher, named

MODELS = list(KINDS.values())


class TestAddress:
    def test_leads_back_to_its_key_whatever_the_key(self):
        for pk in (0, 1, 2, 1000, 2**32 - 1, 2**32, 2**53, LARGEST):
            for model in MODELS:
                assert decipher(model, encipher(model, pk)) == pk

    def test_is_another_for_each_key_and_each_kind_of_row(self):
        addresses = [encipher(model, pk) for model in MODELS for pk in range(1000)]
        assert len(set(addresses)) == len(addresses)
        assert all(re.fullmatch(f"[a-z2-7]{{{LENGTH}}}", address) for address in addresses)

    def test_of_the_next_key_shares_nothing_with_it(self):
        shared = [
            sum(a == b for a, b in zip(encipher("response", pk), encipher("response", pk + 1), strict=True))
            for pk in range(1000)
        ]
        assert sum(shared) / 1000 < 13 / 32 * 1.5 + 0.1  # what two drawn at random share

    def test_is_another_on_another_installation(self, settings):
        from core import addresses

        here = encipher("response", 1)
        settings.SECRET_KEY = "another secret of another installation"
        addresses._rounds.cache_clear()
        there = encipher("response", 1)
        addresses._rounds.cache_clear()
        assert here != there

    def test_is_written_in_one_way_alone(self):
        address = encipher("case", 1)
        twin = address[:-1] + chr(ord(address[-1]) + 1)  # differs in a bit that the last letter does not use
        with pytest.raises(ValueError, match="is no address"):
            decipher("case", twin)

    @pytest.mark.parametrize(
        "word", ["", "1", "9" * 5000, "2" * 5000, "2" * 13 + "\x00", "ü" * 13, "\ud800" * 13]
    )
    def test_refuses_any_other_word(self, word):
        assert named(Response, word) is None
