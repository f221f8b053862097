"""Who and what the tests of this folder begin with. Imports are late: Django is set up after this file is read."""

import pytest


@pytest.fixture
def team():
    from tests.factories.core import make_project

    return make_project(experts=4)


@pytest.fixture
def stage(team):
    from tests.factories.annotation import make_rating_stage

    return make_rating_stage(team.project, prompts=4)


@pytest.fixture
def as_(client):
    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in
