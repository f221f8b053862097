import pytest


@pytest.fixture
def desk(team, people):
    """Opens the Rate page of the first expert of the test's `team`."""

    def open_desk(**look):
        return people.open(team.experts[0].username, path=f"/projects/{team.project.slug}/rate/", **look)

    return open_desk
