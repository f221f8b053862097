"""What the sweeps ask of the database every ten seconds where nothing is due."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.assignment import release_lapsed
from annotation.deciding import escalate_unjudgeable
from arbitration.cases import release_lapsed_cases
from evaluation.coherence import open_runs
from evaluation.keeping import keep_report, stale_projects
from evaluation.models import ScoringRun
from jobs import life
from tests.factories.core import make_project
from tests.factories.evaluation import ALIGNED, make_labeled_stage, score_stage
from training.models import GenerationRun, TrainingRun

pytestmark = pytest.mark.django_db


def make_finished_project():
    """A project with a finished stage, scored and reported, of which nothing is due."""
    team = make_project()
    score_stage(make_labeled_stage(team.project, [ALIGNED] * 3), [0.1, 0.2, 0.3])
    keep_report(team.project.pk, now=timezone.now())
    return team.project


def sweep():
    now = timezone.now()
    for model in (GenerationRun, TrainingRun, ScoringRun):
        assert life.requeue_lost(model, now=now, lost_after=timedelta(seconds=45)) == []
        assert life.due(model) == []
    assert open_runs(now=now) == []
    assert stale_projects(now=now) == []
    release_lapsed(now=now)
    assert escalate_unjudgeable(now=now) == 0
    release_lapsed_cases(now=now)


def statements():
    with CaptureQueriesContext(connection) as asked:
        sweep()
    return len(asked)


class TestSweeps:
    def test_ask_the_same_of_one_finished_project_and_of_three(self):
        make_finished_project()
        sweep()  # the first look at a kept report notes that it is true
        one = statements()
        for _ in range(2):
            make_finished_project()
        sweep()
        assert statements() == one
        assert one <= 16
