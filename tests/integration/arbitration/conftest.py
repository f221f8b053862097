"""Who and what the tests of this folder begin with. Imports are late: Django is set up after this file is read."""

import pytest


@pytest.fixture
def team():
    from tests.factories.core import make_project

    return make_project(leads=2)


@pytest.fixture
def diverging(team):
    from tests.factories.arbitration import make_divergent_stage

    return make_divergent_stage(team)


@pytest.fixture
def case(team, diverging, now):
    from arbitration.cases import claim_case

    return claim_case(response=diverging[1][0], by=team.lead, now=now)


@pytest.fixture
def as_lead(client, team):
    client.force_login(team.lead)
    return client
