import re
import uuid
from itertools import count

import pytest
from django.urls import reverse

from core.models import ModelVersion
from jobs import life
from jobs.models import Job
from tests.factories.core import NOW, make_project
from tests.factories.jobs import end_badly
from tests.factories.training import make_group, make_run, make_trainable_stage
from training.groups import cancel_group
from training.models import RunGroup, RunMeasure, TrainingRun

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # on PostgreSQL the access matrix asks every page
numbers = count(1)
FILLED = {
    "seeds": "1, 2; 3",
    "learning_rate": "1e-4 5e-5",
    "epochs": "2",
    "batch_size": "4",
    "lora_rank": "0",
    "max_length": "512",
    "precision": "auto",
}


@pytest.fixture
def team():
    return make_project(leads=2)


@pytest.fixture
def stage(team):
    return make_trainable_stage(team)


@pytest.fixture
def admin(client, team):
    client.force_login(team.admin)
    return client


def url(name, project, *args):
    return reverse(f"training:{name}", args=[project.slug, *args])


def look(admin, stage, group):
    return words_of(admin.get(url("group", stage.project, group.pk)))


def words_of(answer):
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def end(run, *losses, kept=None):
    """The run as one that succeeded, with these validation losses of its epochs, before training 9."""
    model = ModelVersion.objects.create(
        project=run.stage.project, name=f"m{next(numbers)}", location="artifact:somewhere", created_at=NOW
    )
    steps = len(losses) or 1
    best = 1 + losses.index(min(losses)) if losses else steps
    TrainingRun.objects.filter(pk=run.pk).update(
        status=Job.Status.SUCCEEDED,
        model_version=model,
        total_steps=steps,
        kept_step=kept or best,
        seconds=60,
    )
    for step, loss in enumerate([9.0, *losses] if losses else []):
        RunMeasure.objects.create(
            run=run, kind=RunMeasure.Kind.VALIDATION, step=step, epoch=step, loss=loss, created_at=NOW
        )
    return model


class TestLaunchPage:
    def test_begins_with_one_trial_of_three_seeds_drawn_from_the_project(self, admin, stage):
        first, again = (admin.get(url("launch-group", stage.project, 0)) for _ in range(2))
        assert "3 runs : 3 seeds × 1 trial." in words_of(first)
        assert "Held-out prompts take no part" in words_of(first)
        seeds = [
            re.search(r'name="seeds" value="([\d, ]+)"', each.content.decode())[1] for each in (first, again)
        ]
        assert seeds[0] == seeds[1] and len(set(seeds[0].split(", "))) == 3
        assert (
            url("launch-group", stage.project, 0)
            in admin.get(url("launch", stage.project, 0)).content.decode()
        )

    def test_tells_while_it_is_written_how_many_runs_it_makes(self, admin, stage):
        plan = admin.post(url("group-plan", stage.project, 0), FILLED | {"submission": uuid.uuid4()})
        assert "6 runs : 3 seeds × 2 trials." in words_of(plan)
        assert 'name="told" value="6"' in plan.content.decode()
        plan = admin.post(
            url("group-plan", stage.project, 0), FILLED | {"submission": uuid.uuid4(), "seeds": "1"}
        )
        assert "fewer than three seeds" in words_of(plan)

    def test_launches_no_more_than_it_has_told(self, admin, stage):
        sent = FILLED | {"submission": str(uuid.uuid4()), "told": "3"}
        answer = admin.post(url("launch-group", stage.project, 0), sent)
        assert answer.status_code == 422 and not RunGroup.objects.exists()
        assert "These settings make 6 runs" in words_of(answer)
        assert 'name="told" value="6"' in answer.content.decode()
        answer = admin.post(url("launch-group", stage.project, 0), sent | {"told": "6"})
        group = RunGroup.objects.get()
        assert answer.url == url("group", stage.project, group.pk)
        assert (group.runs.count(), group.created_by) == (6, stage.project.memberships.get(role="admin").user)
        admin.post(url("launch-group", stage.project, 0), sent | {"told": "6"})
        assert RunGroup.objects.count() == 1

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            ({"seeds": "1, x"}, "Write numbers"),
            ({"learning_rate": "nan"}, "Write numbers"),
            ({"epochs": "9" * 40}, "Write numbers"),
            ({"epochs": ""}, "required"),
            ({"seeds": "4 4"}, "every seed once"),
            ({"seeds": " ".join(map(str, range(31)))}, "at most 30"),
            ({"epochs": "0 2", "told": "6"}, "epochs must be from 1"),
        ],
    )
    def test_says_what_is_wrong_and_launches_nothing(self, admin, stage, fault, words):
        sent = FILLED | {"submission": uuid.uuid4(), "learning_rate": "1e-4", "told": "3"} | fault
        answer = admin.post(url("launch-group", stage.project, 0), sent)
        assert answer.status_code == 422
        assert words in words_of(answer)
        assert not RunGroup.objects.exists()


class TestGroupPage:
    def test_shows_where_each_run_waits(self, admin, stage):
        make_run(stage)
        group = make_group(stage, seeds=[1, 2])
        page = look(admin, stage, group)
        assert "number 2 in the queue of runs" in page and "number 3 in the queue of runs" in page
        assert "once no run waits or learns" in page
        assert admin.get(
            url("group", stage.project, group.pk), {"polling": 1, "seen": "other"}, headers={"HX-Request": "true"}
        ).status_code == 200  # fmt: skip

    def test_shows_each_trials_mean_and_spread_and_what_the_rule_chose(self, admin, stage):
        group = make_group(stage, seeds=[1, 2], learning_rate=[1e-3, 1e-4], epochs=[2])
        one, two, three, four = group.runs.order_by("pk")
        end(one, 3.0, 1.0), end(two, 2.0, 4.0), end(four, 1.25)
        chosen = end(three, 1.5)
        answer = admin.get(url("group", stage.project, group.pk))
        page = words_of(answer)
        assert "The rule chooses trial 2." in page
        assert (
            "Its mean validation loss over 2 seeds is 1.3750, the lowest; next is trial 1 with 1.5000."
            in page
        )
        assert "1.5000 ± 0.7071" in page
        assert "The seeds of one trial lie further apart" in page
        assert "2 of 2" in page and "1 of 2" in page
        assert f"?model={chosen.pk}" in answer.content.decode()
        assert "4 of 4" in page
        assert "4 of 4 runs done" in words_of(admin.get(url("stage-panel", stage.project, 0)))
        assert f"trial 2 of group {group.pk}, seed 1" in words_of(admin.get(url("promote", stage.project, 0)))

    def test_makes_no_choice_without_validation_examples(self, admin, stage):
        group = make_group(stage, seeds=[1, 2])
        for run in group.runs.all():
            end(run)
        page = look(admin, stage, group)
        assert "No choice is made." in page and "no validation examples" in page
        assert "The rule chooses" not in page

    def test_leaves_a_trial_out_that_lacks_a_seed_and_offers_to_go_on(self, admin, stage):
        group = make_group(stage, seeds=[1, 2], epochs=[1, 2])
        one, two, three, four = group.runs.order_by("pk")
        end(one, 0.1), end(three, 2.0), end(four, 10.0)
        end_badly(two)
        page = look(admin, stage, group)
        assert "The rule chooses trial 2." in page and "trial 1." in page.split("Left out of it")[1]
        assert "Go on with 1 run" in page
        assert "1 failed" in page
        admin.post(url("resume-group", stage.project, group.pk))
        two.refresh_from_db()
        assert two.status == Job.Status.QUEUED
        assert "number 1 in the queue" in look(admin, stage, group)

    def test_says_where_the_group_has_not_helped(self, admin, stage):
        group = make_group(stage, seeds=[1, 2])
        for run in group.runs.all():
            end(run, 9.5)
        assert "on the validation prompts the group has not helped" in look(admin, stage, group)

    def test_the_loop_tells_how_far_a_group_is(self, admin, stage):
        group = make_group(stage, seeds=[1, 2, 3], epochs=[1, 2])
        for run in group.runs.all()[:3]:
            end(run, 1.0)
        page = admin.get(reverse("training:loop", args=[stage.project.slug]))
        assert "3 of 6 are done" in words_of(page)
        assert url("group", stage.project, group.pk) in page.content.decode()

    def test_is_canceled_as_a_whole(self, admin, stage):
        group = make_group(stage)
        life.claim(TrainingRun, group.runs.first().pk, now=NOW)
        admin.post(url("cancel-group", stage.project, group.pk))
        assert sorted(group.runs.values_list("status", flat=True)) == ["canceled", "canceled", "running"]
        assert group.runs.get(status="running").cancel_requested_at
        assert cancel_group(group=group, by=None, now=NOW) == []
        assert "asked to stop" in look(admin, stage, group)
