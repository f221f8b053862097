"""An admin withdraws ratings: what is open goes on without them, what is final says so and stays."""

import pytest
from django.urls import reverse

from annotation.models import Assignment, Rating, Response, RetractedRating
from annotation.setting_aside import bring_back_response, set_aside_response
from arbitration.labels import finalize_labels
from core.errors import Conflict, InvalidInput, NotAllowed
from core.models import ModelVersion
from jobs.models import Job
from tests.factories.annotation import make_rating_stage, rate, rate_all
from tests.factories.arbitration import settle
from tests.factories.core import NOW, make_project
from tests.factories.training import make_run, make_trainable_stage
from training.dataset import freeze_training_set, read_lines_of
from training.models import TrainingRun, TrainingSet
from training.retraction import preview_retraction, ratings_of, withdraw_ratings
from training.sources import rests_on

pytestmark = pytest.mark.django_db
REASON = "They rated in their sleep."


@pytest.fixture
def team():
    return make_project(leads=2)


def withdraw(team, ratings, by=None, **fields):
    act = dict(project=team.project, reason=REASON, by=by or team.admin, now=NOW)
    return withdraw_ratings(ratings=[getattr(each, "pk", each) for each in ratings], **(act | fields))


def state(response):
    response.refresh_from_db()
    slots = Assignment.objects.filter(response=response).order_by("slot")
    return response.status, sorted(slots.values_list("status", flat=True))


class TestWithdrawOfOpenStage:
    def test_has_the_responses_rated_and_decided_again_by_others(self, team):
        stage = make_rating_stage(team.project)
        agreed, apart, half = stage.responses.order_by("position")[:3]
        first, second, third = team.experts
        for response, scores in ((agreed, (4, 4, 4)), (apart, (1, 5, 5)), (half, (4,))):
            for expert, score in zip(team.experts, scores, strict=False):
                rate(response, expert, score)
        assert state(apart)[0] == Response.Status.DIVERGENT
        withdraw(team, ratings_of(team.project, expert=first), expert=first)
        for response, left in ((agreed, 2), (apart, 2), (half, 0)):
            assert state(response) == (
                Response.Status.AWAITING_RATINGS,
                sorted(["submitted"] * left + ["open"] * (3 - left)),
            )
        assert Rating.objects.filter(expert=first).count() == 3
        assert not Rating.objects.current().filter(expert=first).exists()
        # Their part in it stays, so that it does not come to them again.
        assert agreed.involvements.filter(user=first).exists()
        fourth = make_project().experts[0]
        team.project.memberships.create(user=fourth, role="expert", created_at=NOW)
        rate(apart, fourth, score=5)
        assert state(apart)[0] == Response.Status.AGREED

    def test_leaves_what_is_set_aside_there(self, team):
        stage = make_rating_stage(team.project)
        response = stage.responses.order_by("position").first()
        rating = rate(response, team.experts[0])
        set_aside_response(response=response, reason="Broken.", by=team.admin, now=NOW)
        withdraw(team, [rating])
        assert state(response)[0] == Response.Status.SET_ASIDE
        bring_back_response(response=response, by=team.admin, now=NOW)
        assert state(response) == (Response.Status.AWAITING_RATINGS, ["open"] * 3)


class TestWithdrawOfFinalStage:
    def test_marks_what_learned_from_them_and_changes_nothing_frozen(self, team):
        stage = make_trainable_stage(team)
        run = make_run(stage)
        model = ModelVersion.objects.create(
            project=team.project, name="v1", location="artifact:x", created_at=NOW
        )
        TrainingRun.objects.filter(pk=run.pk).update(status=Job.Status.SUCCEEDED, model_version=model)
        training_set = TrainingSet.objects.get()
        before = (training_set.sha256, read_lines_of(training_set), list(training_set.examples.values()))
        labels = list(Response.objects.filter(stage=stage).values_list("final_label__alignment", flat=True))
        expert = team.experts[0]
        ratings = ratings_of(team.project, expert=expert)
        found = preview_retraction(team.project, ratings)
        assert (found.ratings, found.open_ratings, found.labels) == (8, 0, 8)
        assert found.looked_at + found.decided == 8 and found.unrated == 0
        assert [each.model for each in found.learned] == [model]
        withdraw(team, ratings, expert=expert)
        assert RetractedRating.objects.count() == 8
        assert Rating.objects.current().filter(expert=expert).count() == 8
        training_set.refresh_from_db()
        assert before == (
            training_set.sha256,
            read_lines_of(training_set),
            list(training_set.examples.values()),
        )
        assert labels == list(
            Response.objects.filter(stage=stage).values_list("final_label__alignment", flat=True)
        )
        assert freeze_training_set(stage=stage, by=team.admin, now=NOW) == training_set
        assert rests_on([training_set])[training_set.pk].withdrawn == training_set.examples.count()

    def test_previews_what_finalizing_again_would_change(self, team):
        stage = make_rating_stage(team.project, prompts=8)
        strict = team.experts[2]
        for response in stage.responses.order_by("position"):
            for expert in team.experts:
                rate(response, expert, scores={"helpfulness": 3 if expert == strict else 4})
        settle(stage, team.lead)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        # Partly aligned by a mean of 3.67, and fully by 4 without the strict one.
        found = preview_retraction(team.project, ratings_of(team.project, expert=strict))
        assert (found.looked_at, found.changed, found.other_class, found.unrated) == (8, 8, 8, 0)

    def test_previews_the_examples_that_would_fall_out(self, team):
        make_run(make_trainable_stage(team, revised=0))
        example = TrainingSet.objects.get().examples.first()
        response = example.final_label.response
        found = preview_retraction(team.project, ratings_of(team.project, response=response))
        assert (found.ratings, found.labels, found.unrated, found.falling_out) == (3, 1, 1, 1)


class TestWithdraw:
    def test_is_an_admins_act_for_a_reason_and_each_rating_once(self, team):
        stage = make_trainable_stage(team)
        rating = Rating.objects.filter(response__stage=stage).first()
        with pytest.raises(NotAllowed):
            withdraw(team, [rating], by=team.lead)
        for given in ({"reason": " "}, {"ratings": []}):
            with pytest.raises(InvalidInput):
                withdraw_ratings(
                    **(
                        dict(project=team.project, ratings=[rating.pk], reason=REASON, by=team.admin, now=NOW)
                        | given
                    )
                )
        withdraw(team, [rating])
        with pytest.raises(Conflict, match="already"):
            withdraw(team, [rating])
        elsewhere = make_trainable_stage(make_project(leads=2))
        with pytest.raises(Conflict):
            withdraw(team, [Rating.objects.filter(response__stage=elsewhere).first()])

    def test_counts_what_was_withdrawn_before_a_set_was_frozen(self, team):
        stage = make_trainable_stage(team)
        withdraw(team, ratings_of(team.project, expert=team.experts[1]))
        training_set = freeze_training_set(stage=stage, by=team.admin, now=NOW)
        assert rests_on([training_set])[training_set.pk].withdrawn == training_set.examples.count()


class TestWithdrawPages:
    def test_show_what_rests_on_the_ratings_and_withdraw_the_chosen_ones(self, client, team):
        stage = make_trainable_stage(team)
        make_run(stage)
        client.force_login(team.admin)
        response = TrainingSet.objects.get().examples.first().final_label.response
        address = reverse("training:withdraw-response", args=[team.project.slug, response.pk])
        page = client.get(address).content.decode()
        assert "Examples that would fall out" in page and str(team.experts[0]) in page
        chosen = response.ratings.order_by("pk").first()
        assert client.post(address, {"ratings": [chosen.pk], "reason": ""}).status_code == 422
        assert client.post(address, {"ratings": [], "reason": REASON}).status_code == 422
        assert client.post(address, {"ratings": [chosen.pk], "reason": REASON}).status_code == 302
        assert list(RetractedRating.objects.values_list("rating", flat=True)) == [chosen.pk]
        set_page = reverse("training:training-set", args=[team.project.slug, TrainingSet.objects.get().pk])
        assert "rests on 1 rating that was withdrawn" in client.get(set_page).content.decode()

    def test_withdraw_all_of_a_person(self, client, team):
        stage = make_rating_stage(team.project)
        rate_all(stage, team.experts)
        client.force_login(team.admin)
        address = reverse("training:withdraw-person", args=[team.project.slug, team.experts[2].pk])
        assert client.get(address).status_code == 200
        assert client.post(address, {"reason": REASON}).status_code == 302
        assert not Rating.objects.current().filter(expert=team.experts[2]).exists()
