"""What serve listens on, and under which names it may be asked."""

import socket

import pytest

from serving.processes import bind_address, names_of_this_machine, port_is_free


class TestBindAddress:
    @pytest.mark.parametrize(
        ("host", "expected"),
        [("127.0.0.1", "127.0.0.1:80"), ("localhost", "localhost:80"), ("::1", "[::1]:80")],
    )
    def test_puts_brackets_around_colons(self, host, expected):
        assert bind_address(host, 80) == expected


class TestNamesOfThisMachine:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
    def test_adds_nothing_to_loopback(self, host):
        assert names_of_this_machine(host) == []

    def test_takes_a_named_host_at_its_word(self):
        assert names_of_this_machine("10.1.2.3") == ["10.1.2.3"]

    def test_lists_name_and_addresses_for_every_interface(self):
        names = names_of_this_machine("0.0.0.0")
        assert socket.gethostname() in names
        assert "127.0.0.1" in names


class TestPortIsFree:
    def test_tells_a_free_port_from_a_taken_one(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            assert not port_is_free("127.0.0.1", port)
        assert port_is_free("127.0.0.1", port)

    def test_raises_for_an_address_of_another_machine(self):
        with pytest.raises(OSError, match=r"."):
            port_is_free("192.0.2.1", 8000)
