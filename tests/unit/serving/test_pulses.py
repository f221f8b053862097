import os

import pytest

from serving.pulses import Pulses


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pulses(tmp_path, clock):
    files = {"worker": "default", "beat": "default", "gpu-worker": "gpu"}
    services = [{"name": n, "pulse": str(tmp_path / file), "patience": 100} for n, file in files.items()]
    return Pulses([{"name": "web"}, *services], clock=clock)


def touch(path, number):
    path.touch()
    os.utime(path, ns=(number, number))


def names(services):
    return [service["name"] for service in services]


class TestPulses:
    def test_names_nobody_while_all_files_are_touched_now_and_then(self, pulses, clock, tmp_path):
        for number in range(10):
            touch(tmp_path / "default", number)
            touch(tmp_path / "gpu", number)
            assert pulses.stalled() == []
            clock.now += 90

    def test_names_those_who_share_a_file_that_nobody_touches(self, pulses, clock, tmp_path):
        clock.now = 101
        touch(tmp_path / "gpu", 1)
        assert names(pulses.stalled()) == ["worker", "beat"]

    def test_gives_everybody_their_time_again_then(self, pulses, clock):
        clock.now = 101
        assert names(pulses.stalled()) == ["worker", "beat"]
        clock.now = 199
        assert pulses.stalled() == []
        clock.now = 202
        assert names(pulses.stalled()) == ["gpu-worker"]

    def test_waits_twice_as_long_where_it_did_not_help_and_as_before_once_it_did(
        self, pulses, clock, tmp_path
    ):
        clock.now = 101
        touch(tmp_path / "gpu", 1)
        assert names(pulses.stalled()) == ["worker", "beat"]
        clock.now = 290
        touch(tmp_path / "gpu", 2)
        assert pulses.stalled() == []
        clock.now = 302
        assert names(pulses.stalled()) == ["worker", "beat"]
        touch(tmp_path / "default", 3)
        touch(tmp_path / "gpu", 3)
        assert pulses.stalled() == []
        clock.now = 403
        touch(tmp_path / "gpu", 4)
        assert names(pulses.stalled()) == ["worker", "beat"]
