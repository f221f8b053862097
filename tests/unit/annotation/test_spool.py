from annotation.importing.spool import Spool


class TestSpool:
    def test_gives_back_what_was_put_in_order_and_again(self):
        with Spool() as spool:
            spool.put([(1, "a"), (2, "b")])
            spool.put([(3, "ü\ud800")])
            for _ in range(2):
                assert list(spool.batches()) == [[(1, "a"), (2, "b")], [(3, "ü\ud800")]]

    def test_tells_the_line_that_claimed_a_key_first(self):
        with Spool() as spool:
            assert [spool.claim("x", 1), spool.claim("y", 2), spool.claim("x", 3), spool.claim("x", 4)] == [
                None,
                None,
                1,
                1,
            ]
