from datetime import timedelta

import pytest

from jobs import life
from jobs.queries import why_it_waits
from tests.factories.core import NOW, make_project
from tests.factories.training import make_base_stage, make_run, make_trainable_stage

pytestmark = pytest.mark.django_db


class TestWhyItWaits:
    def test_tells_what_its_workers_are_at_and_how_many_were_launched_before(self):
        stage = make_trainable_stage()
        first, second, third = (make_run(stage, now=NOW + timedelta(hours=hour)) for hour in range(3))
        life.claim(type(first), first.pk, now=NOW)
        told = why_it_waits(third, reader=stage.project.memberships.get(role="admin").user)
        assert told == f"At work: training run {first.pk} of “{stage.project}”. 1 job waits before it."
        assert second.status == "queued"

    def test_names_no_project_of_others(self):
        theirs = make_base_stage(make_project(name="Secret")).generation_runs.get()
        life.claim(type(theirs), theirs.pk, now=NOW)
        run = make_run(now=NOW + timedelta(hours=1))
        reader = run.stage.project.memberships.filter(role="admin").first().user
        assert why_it_waits(run, reader=reader) == "At work: a job of another project."

    def test_says_nothing_where_nothing_is_before_it(self):
        run = make_run()
        assert why_it_waits(run, reader=run.created_by) == ""
