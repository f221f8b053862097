import json
import os
import signal
import subprocess
import sys
import time

import pytest

from jobs.events import EventLog
from jobs.files import read_lines
from jobs.processes import kill_leftover, start_mark
from jobs.supervisor import EventTail, NotNow, Outcome, python_child, supervise

QUICK = {"poll": 0.02, "check_every": 0.05, "grace": 0.4}


def child(mode, run_dir, *more):
    return python_child("tests.unit.jobs.children", mode, run_dir, *more)


def run(mode, run_dir, **kwargs):
    return supervise(child(mode, run_dir), run_dir, **{**QUICK, **kwargs})


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def is_alive(pid):
    return start_mark(pid) is not None


def started(run_dir):
    return wait_for(lambda: [event for event in read_lines(run_dir / "events.jsonl") if "pid" in event])[0]


class TestEventTail:
    def test_waits_for_the_rest_of_a_torn_line(self, tmp_path):
        tail, told = EventTail(tmp_path), []
        (tmp_path / "events.jsonl").write_text('{"kind": "log", "st')
        tail.tell(told.append)
        assert told == []
        with open(tmp_path / "events.jsonl", "a") as log:
            log.write('ep": 7}\n{"ki')
        tail.tell(told.append)
        assert told == [{"kind": "log", "step": 7}]

    def test_goes_on_where_another_stopped(self, tmp_path):
        log = EventLog(tmp_path / "events.jsonl")
        log.emit("log", step=1)
        EventTail(tmp_path).tell(lambda event: None)
        log.emit("log", step=2)
        told = []
        EventTail(tmp_path).tell(told.append)
        assert [event["step"] for event in told] == [2]

    def test_tells_again_what_was_not_taken(self, tmp_path):
        EventLog(tmp_path / "events.jsonl").emit("log", step=1)
        with pytest.raises(ZeroDivisionError):
            EventTail(tmp_path).tell(lambda event: 1 / 0)
        told = []
        EventTail(tmp_path).tell(told.append)
        assert [event["step"] for event in told] == [1]


class TestSupervise:
    def test_tells_every_event_once_and_in_order(self, tmp_path):
        told = []
        assert run("succeeds", tmp_path, on_event=told.append) == Outcome("succeeded")
        assert [event["kind"] for event in told] == ["start", "log", "end"]
        again = []
        assert run("fails", tmp_path, on_event=again.append).code == "oom"
        assert [event["kind"] for event in again] == ["error"]

    def test_tells_what_a_lost_attempt_left_without_taking_it_for_its_own_end(self, tmp_path):
        EventLog(tmp_path / "events.jsonl").emit("end", status="succeeded")
        told = []
        outcome = run("says_nothing", tmp_path, on_event=told.append)
        assert [event["kind"] for event in told] == ["end"]
        assert outcome.status == "errored"

    @pytest.mark.parametrize(
        ("mode", "status", "code", "words"),
        [
            ("fails", "failed", "oom", "Memory ran out."),
            ("is_surprised", "errored", "error", "KeyError: 'x'"),
            ("says_nothing", "errored", "error", "code 9: Segmentation something"),
            ("is_killed", "interrupted", "killed", "The process was ended by SIGKILL."),
        ],
    )
    def test_says_how_it_ended(self, tmp_path, mode, status, code, words):
        outcome = run(mode, tmp_path)
        assert (outcome.status, outcome.code) == (status, code)
        assert words in str(outcome.reason)
        assert outcome.resumable == (status == "interrupted")

    def test_ends_a_child_that_stalls(self, tmp_path):
        outcome = run("stalls", tmp_path, stall_timeout=0.5)
        assert (outcome.status, outcome.code, outcome.resumable) == ("failed", "stalled", True)
        assert not is_alive(started(tmp_path)["pid"])

    def test_ends_a_child_that_hangs_after_its_last_word(self, tmp_path):
        assert run("hangs_after_its_end", tmp_path) == Outcome("succeeded")

    def test_cancels_by_the_file_first(self, tmp_path):
        told = []
        outcome = run("framed", tmp_path, on_event=told.append, should_cancel=lambda: bool(told), grace=20)
        assert outcome.status == "cancelled"
        assert told[-1]["status"] == "cancelled"

    def test_kills_a_child_that_will_not_be_cancelled(self, tmp_path):
        outcome = run("deaf", tmp_path, should_cancel=lambda: (tmp_path / "events.jsonl").exists())
        assert outcome.status == "cancelled"
        assert not is_alive(started(tmp_path)["pid"])

    def test_starts_nothing_that_is_cancelled_already(self, tmp_path):
        assert run("succeeds", tmp_path, should_cancel=lambda: True).status == "cancelled"
        assert not (tmp_path / "events.jsonl").exists()

    def test_does_not_obey_a_cancel_file_of_an_earlier_attempt(self, tmp_path):
        (tmp_path / "CANCEL").touch()
        outcome = run("framed", tmp_path, stall_timeout=1.5, grace=0.4)
        assert outcome.code == "stalled"

    def test_calls_a_stop_from_outside_an_interruption(self, tmp_path):
        told = []

        def terminate():
            if told and is_alive(told[0]["pid"]):
                os.kill(told[0]["pid"], signal.SIGTERM)

        outcome = run("framed", tmp_path, on_event=told.append, heartbeat=terminate)
        assert (outcome.status, outcome.code, outcome.resumable) == ("interrupted", "interrupted", True)

    def test_goes_on_while_the_caller_cannot_listen_and_tells_everything_once_afterwards(self, tmp_path):
        told, refused = [], []

        def take(event):
            if event["kind"] == "log" and len(refused) < 5:
                refused.append(event)
                raise NotNow
            told.append(event["kind"])

        def beat():
            if len(refused) == 5 and "once more" not in refused:
                refused.append("once more")
                raise NotNow

        assert run("succeeds", tmp_path, on_event=take, heartbeat=beat) == Outcome("succeeded")
        assert told == ["start", "log", "end"]

    def test_gives_up_waiting_for_the_caller_once_the_child_is_done(self, tmp_path):
        def never(event):
            raise NotNow

        with pytest.raises(NotNow):
            run("succeeds", tmp_path, on_event=never, patience=0.3)
        told = []
        EventTail(tmp_path).tell(told.append)
        assert [event["kind"] for event in told] == ["start", "log", "end"]

    def test_kills_descendants_in_sessions_of_their_own(self, tmp_path):
        assert run("leaves_one_behind", tmp_path).status == "succeeded"
        left = started(tmp_path)["pid"]
        wait_for(lambda: not is_alive(left), 5)

    def test_ends_the_child_when_the_heartbeat_raises(self, tmp_path):
        class LostJob(Exception):
            pass

        def lose():
            if (tmp_path / "events.jsonl").exists():
                raise LostJob

        with pytest.raises(LostJob):
            run("deaf", tmp_path, heartbeat=lose)
        assert not is_alive(json.loads((tmp_path / "pid.json").read_text())["pid"])

    def test_refuses_a_second_child_in_the_same_directory(self, tmp_path):
        first = subprocess.Popen(child("framed", tmp_path))
        started(tmp_path)
        outcome = run("framed", tmp_path)
        first.kill()
        first.wait()
        assert (outcome.status, outcome.code) == ("failed", "busy")
        assert [event["kind"] for event in read_lines(tmp_path / "events.jsonl")].count("start") == 1


class TestAKilledSupervisor:
    def kill_supervisor_of(self, mode, run_dir):
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.jobs.children", "supervisor", run_dir, mode]
        )
        pid = started(run_dir)["pid"]
        worker.kill()
        worker.wait()
        return pid

    @pytest.mark.parametrize("mode", ["framed", "launcher"])
    def test_takes_its_child_along(self, tmp_path, mode):
        pid = self.kill_supervisor_of(mode, tmp_path)
        wait_for(lambda: not is_alive(pid), 5)


class TestKillLeftover:
    def test_kills_the_child_of_a_lost_worker(self, tmp_path):
        pid = TestAKilledSupervisor().kill_supervisor_of("deaf", tmp_path)  # not in the frame: it lives on
        assert is_alive(pid)
        assert kill_leftover(tmp_path)
        assert not is_alive(pid)

    def test_leaves_alone_who_has_the_pid_now(self, tmp_path):
        other = subprocess.Popen(["sleep", "60"])
        note = {"host": os.uname().nodename, "pid": other.pid, "mark": "an earlier start"}
        (tmp_path / "pid.json").write_text(json.dumps(note))
        assert not kill_leftover(tmp_path)
        assert is_alive(other.pid)
        other.kill()
        other.wait()

    def test_finds_nothing_in_a_new_directory(self, tmp_path):
        assert not kill_leftover(tmp_path)
