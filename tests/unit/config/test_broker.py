import subprocess
import sys
import uuid
from queue import Empty

import pytest
from kombu import Connection

PUT = """
import sys
from kombu import Connection
folder, name, sender, count = *sys.argv[1:4], int(sys.argv[4])
options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control"}
with Connection("filesystem://localhost", transport="config.broker:Transport", transport_options=options) as broker:
    queue = broker.SimpleQueue(name)
    for number in range(count):
        queue.put({"from": sender, "number": number})
"""


SENDERS = ("one", "two")


@pytest.fixture
def name():
    """A queue of its own: kombu remembers in the process which ones it has bound."""
    return f"queue-{uuid.uuid4()}"


@pytest.fixture
def broker(tmp_path):
    options = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
    }
    connection = Connection(
        "filesystem://localhost", transport="config.broker:Transport", transport_options=options
    )
    with connection:
        yield connection


class TestTheEmbeddedBroker:
    def test_delivers_every_message_of_several_processes_once(self, broker, name, tmp_path):
        senders = [
            subprocess.Popen([sys.executable, "-c", PUT, str(tmp_path), name, sender, "150"])
            for sender in SENDERS
        ]
        queue, received = broker.SimpleQueue(name), []

        while len(received) < 300:
            message = queue.get(timeout=20)
            received.append((message.payload["from"], message.payload["number"]))
            message.ack()

        assert [sender.wait() for sender in senders] == [0, 0]
        assert sorted(received) == sorted((sender, number) for sender in SENDERS for number in range(150))
        with pytest.raises(Empty):
            queue.get(block=False)

    def test_keeps_the_order_of_one_sender(self, broker, name):
        queue = broker.SimpleQueue(name)
        for number in range(3):
            queue.put(number)

        assert [queue.get(timeout=5).payload for _ in range(3)] == [0, 1, 2]

    def test_drops_a_message_that_cannot_be_read_and_goes_on(self, broker, name, tmp_path, caplog):
        queue = broker.SimpleQueue(name)
        (tmp_path / f"00000000000000000000_torn.{name}.msg").write_bytes(b"")
        queue.put("whole")

        assert queue.get(timeout=5).payload == "whole"
        assert f"00000000000000000000_torn.{name}.msg" in caplog.text

    def test_leaves_nothing_behind(self, broker, name, tmp_path):
        queue = broker.SimpleQueue(name)
        queue.put("whole")
        queue.get(timeout=5).ack()

        assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []
