from io import StringIO

from django.core.management.base import OutputWrapper

from jobs import supervisor
from serving import keeper
from serving.running import Waiting


class Terminal(StringIO):
    def isatty(self):
        return True


class TestWaiting:
    def said(self, out):
        waiting = Waiting(OutputWrapper(out))
        for seconds in range(1, 8):
            waiting(["Training run 7"], seconds)
        return out.getvalue()

    def test_counts_the_seconds_on_one_line_of_a_terminal(self):
        said = self.said(Terminal())
        assert "\n" not in said
        assert said.split("\r")[-1].startswith("Waiting for Training run 7 to save … 7 s")

    def test_says_it_now_and_then_in_a_file(self):
        lines = self.said(StringIO()).splitlines()
        assert [line.partition("… ")[2].partition(" s")[0] for line in lines] == ["1", "5"]


class TestKeeper:
    def test_knows_a_job_by_the_name_that_its_supervisor_gives(self):
        assert keeper.JOB == supervisor.JOB
        assert supervisor.child_environment(name="Training run 7")[keeper.JOB] == "Training run 7"
