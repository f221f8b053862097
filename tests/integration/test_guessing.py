"""Whoever guesses the model of a response from all that is not its text: at chance, for experts and for leads."""

import dataclasses
import re
from base64 import b32encode

import numpy as np
import pytest
from django.urls import reverse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from annotation.models import Assignment, Prompt, Rating, Response
from annotation.responses import NewResponse, add_responses, open_rating
from arbitration.models import Case
from core.addresses import LENGTH, decipher
from core.models import ModelVersion
from core.rubrics import DEFAULT_POLICY
from tests.factories.annotation import make_prompts, make_stage
from tests.factories.core import NOW, make_project
from tests.integration.test_stage_kinds import form

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # no database has a part in it
PROMPTS = 60
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
CHANCE = 0.21
"""How far from one half the area under a guesser's curve may lie with 120 responses: four standard errors."""
ADDRESS = re.compile(r"/(?P<kind>rate|responses|cases|ratings)/(?P<address>[^/\"]{13})/")
MODEL = {"rate": Assignment, "responses": Response, "cases": Case, "ratings": Rating}


@pytest.fixture
def study():
    """Two models' answers to the same prompts, as a file brings them: (team, stage, {response: 1 for the second's})."""
    team = make_project(experts=1, policy=dataclasses.replace(DEFAULT_POLICY, ratings_per_response=1))
    make_prompts(team.project, PROMPTS)
    stage = make_stage(team.project)
    models = [
        ModelVersion.objects.create(project=team.project, name=n, created_at=NOW) for n in ("old", "new")
    ]
    answers = [
        NewResponse(prompt, "An answer.", model, candidate=place)
        for prompt in Prompt.objects.filter(project=team.project)
        for place, model in enumerate(models)
    ]
    answers.sort(key=lambda answer: answer.candidate)  # one model's after the other's
    add_responses(stage=stage, answers=answers, now=NOW)
    Prompt.objects.update(text="The same question?")
    open_rating(stage=stage, by=team.admin, now=NOW)
    which = dict(Response.objects.filter(stage=stage).values_list("pk", "candidate"))
    return team, stage, which


def response_of(kind, address):
    """The response that an address leads to. The test has the key; the guesser has not."""
    row = MODEL[kind].objects.get(pk=decipher(MODEL[kind]._meta.model_name, address))
    return row.pk if kind == "responses" else row.response_id


def seen(address, place, size):
    """What a guesser has of one sight of a response: the address as a number and by its letters, place and size."""
    letters = [LETTERS.index(letter) for letter in address]
    return [sum(each * 32.0**-n for n, each in enumerate(letters)), letters[0], letters[-1], place, size]


def area(features, truth):
    """The area under the curve of a logistic regression that has not seen what it guesses; 1 is certain, 0.5 chance."""
    guesser = make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression(C=0.1))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return roc_auc_score(
        truth, cross_val_predict(guesser, features, truth, cv=folds, method="predict_proba")[:, 1]
    )


def guess(sights, which):
    """{what: how well it tells the models apart} of each feature alone and of all of them, over sights of responses."""
    features = np.array([seen(address, place, size) for _, address, place, size in sights], float)
    truth = np.array([which[response] for response, *_ in sights])
    names = ("number", "first letter", "last letter", "order", "size")
    alone = {name: roc_auc_score(truth, features[:, column]) for column, name in enumerate(names)}
    return alone | {"all": area(features, truth)}


def told_apart(sights, which):
    assert len(sights) == len(which) == 2 * PROMPTS
    return {name: value for name, value in guess(sights, which).items() if abs(value - 0.5) > CHANCE}


class TestGuesser:
    def test_wins_where_keys_are_shown(self):
        which = {pk: int(pk > PROMPTS) for pk in range(1, 2 * PROMPTS + 1)}
        keys = [(pk, b32encode(pk.to_bytes(8)).decode().lower()[:LENGTH], 0, 0) for pk in which]
        assert told_apart(keys, which).keys() >= {"number", "all"}

    def test_is_at_chance_before_an_expert_and_a_lead(self, study, client):
        team, stage, which = study
        client.force_login(team.experts[0])
        given = self.rate_everything(client, team)
        assert told_apart(given, which) == {}
        assert told_apart(self.pages(client, "annotation:my-ratings", team, "ratings"), which) == {}
        client.force_login(team.lead)
        queue = self.pages(client, "arbitration:queue", team, "responses")
        assert told_apart(queue, which) == {}
        assert told_apart(self.take_all(client, team, queue), which) == {}

    def rate_everything(self, client, team):
        """Every response as the expert gets it, each passed to a lead."""
        page = client.get(reverse("annotation:rate", args=[team.project.slug])).text
        sights = []
        while found := ADDRESS.search(page):
            sights.append((response_of(**found.groupdict()), found["address"], len(sights), len(page)))
            address = reverse("annotation:rate", args=[team.project.slug]) + f"{found['address']}/submit/"
            page = client.post(
                address, form(page) | {"asks_senior": "on"}, headers={"HX-Request": "true"}
            ).text
        return sights

    def pages(self, client, name, team, kind):
        """Every response of a list with pages, from its top to its end."""
        sights, number = [], 1
        while True:
            page = client.get(reverse(name, args=[team.project.slug]), {"page": number}).text
            found = [each for each in ADDRESS.finditer(page) if each["kind"] == kind]
            rows = list({each["address"]: each for each in found}.values())
            known = {address for _, address, *_ in sights}
            if not rows or rows[0]["address"] in known:
                return sights
            sights += [
                (response_of(**row.groupdict()), row["address"], len(sights) + n, 0)
                for n, row in enumerate(rows)
            ]
            number += 1

    def take_all(self, client, team, queue):
        """Every case, taken from the top of the queue to its end."""
        sights = []
        for _, address, place, _ in queue:
            url = reverse("arbitration:queue", args=[team.project.slug]) + f"responses/{address}/claim/"
            found = ADDRESS.search(client.post(url).url)
            sights.append((response_of(**found.groupdict()), found["address"], place, 0))
        return sights
