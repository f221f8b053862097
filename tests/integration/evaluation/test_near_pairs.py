"""Held-out prompts that ask nearly what is to be learned, from their vectors to the launch that they stop."""

import numpy as np
import pytest
from django.urls import reverse

from annotation.models import Prompt, PromptMessage
from annotation.setting_aside import set_aside_prompt
from core.errors import InvalidInput
from evaluation import near_pairs
from evaluation.models import NeighbourPair, PromptEmbedding, ScoringRun
from evaluation.near_pairs import find_pairs, projects_to_compare
from evaluation.stored_vectors import to_bytes
from jobs.models import Job
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import make_encoder
from tests.factories.training import make_run, make_trainable_stage
from training.apart import NEAR, compare_labels
from training.drawing import learnable_labels
from training.models import TrainingRun, TrainingSet
from training.runs import run_training

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(leads=2)


@pytest.fixture
def stage(team):
    return make_trainable_stage(team)


def embed(project, cosine):
    """Give every prompt a vector at right angles to all others, but the first train and held-out prompt, which have
    this cosine. Returns these two."""
    encoder = make_encoder()
    learned, held_out = (project.prompts.filter(split=split).first() for split in ("train", "held-out"))
    axes = np.eye(384, dtype="<f4")
    places = {prompt.pk: axes[place] for place, prompt in enumerate(project.prompts.all())}
    places[held_out.pk] = cosine * places[learned.pk] + np.sqrt(1 - cosine**2) * places[held_out.pk]
    PromptEmbedding.objects.bulk_create(
        PromptEmbedding(encoder=encoder, prompt_id=key, vector=to_bytes(vector))
        for key, vector in places.items()
    )
    return learned, held_out


def compare(stage):
    """As the worker does once it has scored the stage."""
    encoder = make_encoder()
    ScoringRun.objects.get_or_create(
        stage=stage, encoder=encoder, status=Job.Status.SUCCEEDED, created_at=NOW, finished_at=NOW
    )
    return find_pairs(stage.project_id, encoder, now=NOW)


class TestLaunching:
    def test_is_refused_with_the_pairs_and_freezes_nothing(self, stage):
        learned, held_out = embed(stage.project, 0.97)
        compare(stage)
        with pytest.raises(InvalidInput) as refusal:
            make_run(stage)
        assert refusal.value.errors == [f"“{learned}” (train) and “{held_out}” (held-out): cosine 0.970."]
        assert not TrainingSet.objects.exists() and not TrainingRun.objects.exists()

    @pytest.mark.parametrize("which", [0, 1])
    def test_goes_on_once_one_of_the_pair_is_set_aside(self, stage, team, which):
        pair = embed(stage.project, 0.97)
        compare(stage)
        set_aside_prompt(prompt=pair[which], reason="Asked twice.", by=team.admin, now=NOW)
        assert make_run(stage).status == Job.Status.QUEUED

    def test_goes_on_at_the_bound_itself(self, stage):
        embed(stage.project, NEAR - 1e-4)
        assert compare(stage).found == 0
        assert make_run(stage).status == Job.Status.QUEUED

    def test_goes_on_while_nothing_was_compared(self, stage):
        assert make_run(stage).status == Job.Status.QUEUED

    def test_fails_where_it_becomes_known_later_even_if_the_learned_prompt_was_set_aside(self, stage, team):
        run = make_run(stage)
        learned, _ = embed(stage.project, 0.97)
        compare(stage)
        set_aside_prompt(prompt=learned, reason="Asked twice.", by=team.admin, now=NOW)
        run_training(pk=run.pk, clock=lambda: NOW, stopping=lambda: False)
        run.refresh_from_db()
        assert run.status == Job.Status.FAILED and "ask nearly the same" in run.reason


class TestFindPairs:
    def test_leaves_questions_that_end_different_talks_alone(self, stage):
        pair = embed(stage.project, 0.99)
        for prompt, role, said in zip(
            pair, ("system", "user"), ("Be brief.", "How long is an egg boiled?"), strict=True
        ):
            PromptMessage.objects.create(prompt=prompt, position=0, role=role, text=said)
            Prompt.objects.filter(pk=prompt.pk).update(earlier_count=1)
        assert compare(stage).found == 0
        PromptMessage.objects.filter(prompt=pair[1]).update(role="system")
        assert compare(stage).found == 1

    def test_replaces_what_was_found_before(self, stage):
        embed(stage.project, 0.97)
        compare(stage)
        compare(stage)
        assert NeighbourPair.objects.count() == 1

    def test_keeps_the_nearest_and_says_that_it_knows_not_all(self, stage, monkeypatch):
        _, held_out = embed(stage.project, 0.97)
        first = PromptEmbedding.objects.get(prompt=held_out)
        others = PromptEmbedding.objects.filter(prompt__split="held-out").exclude(pk=first.pk)
        others.update(vector=first.vector)
        monkeypatch.setattr(near_pairs, "MOST_KEPT", 1)
        assert compare(stage).found == 2
        found = compare_labels(stage, learnable_labels(stage))
        assert (found.count, found.is_known) == (1, True)
        set_aside_prompt(prompt=found.pairs[0].held_out, reason="Asked twice.", by=None, now=NOW)
        found = compare_labels(stage, learnable_labels(stage))
        assert (found.count, found.is_known) == (0, False)

    def test_is_due_for_a_project_that_was_scored_before(self, stage):
        embed(stage.project, 0.1)
        assert projects_to_compare() == []
        compare(stage).delete()
        assert projects_to_compare() == [stage.project_id]
        compare(stage)
        assert projects_to_compare() == []


@pytest.mark.once
class TestLaunchPage:
    def test_lists_the_pairs_and_offers_to_set_either_aside(self, client, stage, team):
        pair = embed(stage.project, 0.97)
        compare(stage)
        client.force_login(team.admin)
        at = reverse("training:launch", args=[team.project.slug, 0])
        page = client.get(at).content.decode()
        assert "1 pair of prompts asks nearly the same" in page and "disabled>Freeze" in page
        for prompt in pair:
            assert prompt.text in page
        aside = reverse("annotation:set-aside-prompt", args=[team.project.slug, pair[1].pk])
        assert f'action="{aside}"' in page
        client.post(aside, {"reason": "It asks nearly the same."})
        assert "No held-out prompt asks nearly what is learned here" in client.get(at).content.decode()

    def test_says_what_is_not_compared(self, client, stage, team):
        client.force_login(team.admin)
        at = reverse("training:launch", args=[team.project.slug, 0])
        assert "Not compared with the held-out prompts yet" in client.get(at).content.decode()
