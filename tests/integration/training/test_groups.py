import uuid
from itertools import count

import pytest

from core.errors import Conflict, InvalidInput
from core.models import AuditEvent, ModelVersion
from jobs import life
from jobs.models import Job
from tests.factories.annotation import make_rating_stage
from tests.factories.core import NOW, make_project
from tests.factories.jobs import end_badly
from tests.factories.training import make_group, make_run, make_trainable_stage
from training.groups import arms_of, cancel_group, resume_group
from training.models import RunGroup, RunMeasure, TrainingRun
from training.runs import run_training
from training.trials import state_of

pytestmark = pytest.mark.django_db
names = count(1)


def end_run(run):
    """The run with a model, as if it had succeeded. Returns the model."""
    model = ModelVersion.objects.create(
        project=run.stage.project, name=f"m{next(names)}", location="artifact:somewhere", created_at=NOW
    )
    TrainingRun.objects.filter(pk=run.pk).update(status=Job.Status.SUCCEEDED, model_version=model)
    return model


class TestLaunchGroup:
    def test_queues_a_run_for_every_seed_and_combination_from_one_training_set(self):
        group = make_group(seeds=[5, 6, 7], learning_rate=[1e-3, 1e-4])
        runs = list(group.runs.all())
        assert [(run.trial, run.learning_rate, run.seed) for run in runs] == [
            (1, 1e-3, 5), (1, 1e-3, 6), (1, 1e-3, 7), (2, 1e-4, 5), (2, 1e-4, 6), (2, 1e-4, 7),
        ]  # fmt: skip
        assert {(run.status, run.training_set, run.base) for run in runs} == {
            (Job.Status.QUEUED, group.training_set, runs[0].base)
        }
        assert group.rule == RunGroup.Rule.LOWEST_MEAN
        event = AuditEvent.objects.get(verb="rungroup:launch")
        assert (event.project, event.params["runs"], event.params["seeds"]) == (group.stage.project, 6, 3)
        assert AuditEvent.objects.filter(verb="trainingrun:launch").count() == 6

    def test_counts_the_same_submission_once(self):
        stage, submission = make_trainable_stage(), uuid.uuid4()
        first = make_group(stage, submission=submission)
        assert make_group(stage, submission=submission) == first
        assert (RunGroup.objects.count(), TrainingRun.objects.count()) == (1, 3)

    def test_launches_all_or_nothing_and_names_every_fault_once(self):
        with pytest.raises(InvalidInput) as refused:
            make_group(seeds=[1, -2, -3], learning_rate=[1e-3, 7], epochs=[0])
        assert len(refused.value.errors) == 3
        assert not RunGroup.objects.exists() and not TrainingRun.objects.exists()

    def test_refuses_a_stage_whose_labels_are_not_final(self):
        with pytest.raises(Conflict, match="finalize"):
            make_group(make_rating_stage(make_project().project))


class TestArmsOf:
    def test_joins_the_seeds_of_one_trial_and_leaves_the_others_alone(self):
        stage = make_trainable_stage()
        group = make_group(stage, seeds=[1, 2], epochs=[1, 2])
        one, two, three, four = map(end_run, group.runs.order_by("pk"))
        single = end_run(make_run(stage))
        arms = arms_of([four, stage.model_version, one, single, two, three])
        assert [arm.versions for arm in arms] == [
            (four, three),
            (stage.model_version,),
            (one, two),
            (single,),
        ]
        assert [(arm.group, arm.trial, arm.seeds) for arm in arms] == [
            (group.pk, 2, 2), (None, None, 1), (group.pk, 1, 2), (None, None, 1),
        ]  # fmt: skip
        assert arms[1].name == stage.model_version.name

    def test_asks_for_nothing_but_the_versions_at_hand(self):
        group = make_group(seeds=[1, 2])
        model = end_run(group.runs.first())
        end_run(group.runs.last())
        assert [arm.versions for arm in arms_of([model])] == [(model,)]
        assert arms_of([]) == []


class TestCancelGroup:
    def test_stops_what_waits_and_what_learns_and_leaves_what_is_done(self):
        group = make_group()
        done, learning, waiting = group.runs.order_by("pk")
        end_run(done)
        life.claim(TrainingRun, learning.pk, now=NOW)
        assert len(cancel_group(group=group, by=None, now=NOW)) == 2
        assert cancel_group(group=group, by=None, now=NOW) == []
        statuses = group.runs.order_by("pk").values_list("status", "cancel_requested_at")
        assert list(statuses) == [("succeeded", None), ("running", NOW), ("canceled", None)]
        assert AuditEvent.objects.get(verb="rungroup:cancel").params == {"runs": 2}


class TestResumeGroup:
    def test_queues_what_was_canceled_or_failed_and_nothing_else(self):
        group = make_group()
        done, failed, canceled = group.runs.order_by("pk")
        end_run(done)
        end_badly(failed)
        life.request_cancel(canceled, by=None, now=NOW)
        assert resume_group(group=group, by=None, now=NOW) == [failed, canceled]
        assert resume_group(group=group, by=None, now=NOW) == []
        assert list(group.runs.order_by("pk").values_list("status", flat=True)) == [
            "succeeded", "queued", "queued",
        ]  # fmt: skip
        assert AuditEvent.objects.get(verb="rungroup:resume").params == {"runs": 2}


@pytest.mark.once
@pytest.mark.deep
@pytest.mark.django_db(transaction=True)
class TestATrainedGroup:
    def test_has_a_model_of_every_run_and_chooses_the_lowest_mean(self, tiny_model):
        group = make_group(seeds=[1, 2], learning_rate=[1e-3, 1e-5], batch_size=[2])
        for run in group.runs.all():
            run_training(pk=run.pk)
        runs = list(group.runs.select_related("model_version"))
        assert [run.status for run in runs] == [Job.Status.SUCCEEDED] * 4
        assert len({run.model_version.weights_sha256 for run in runs}) == 4
        by_hand = {}
        for run in runs:
            losses = run.measures.filter(kind=RunMeasure.Kind.VALIDATION, step__gt=0).values_list(
                "loss", flat=True
            )
            by_hand.setdefault(run.trial, []).append(min(losses))
        choice = state_of(group).choice
        assert choice.trial.number == min(by_hand, key=lambda trial: sum(by_hand[trial]) / 2)
        assert choice.trial.losses == tuple(by_hand[choice.trial.number])
        arms = arms_of([run.model_version for run in runs])
        assert [(arm.trial, arm.seeds) for arm in arms] == [(1, 2), (2, 2)]
