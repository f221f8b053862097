"""Comparison stages, made through the use cases."""

from annotation.copies import answers_of, open_comparison
from annotation.models import Prompt
from arbitration.labels import finalize_labels
from tests.factories.annotation import rate_all
from tests.factories.arbitration import settle
from tests.factories.core import NOW


def make_comparison(team, model_versions, **fields):
    """The open comparison of these model versions' newest answers to the held-out prompts."""
    responses = answers_of(model_versions, split=Prompt.Split.HELD_OUT)
    return open_comparison(project=team.project, responses=responses, by=team.admin, now=NOW, **fields)


def finish(stage, team, score=4):
    """Every response of the stage rated by all (`score`: a number, or a function of response and expert), settled and
    final."""
    rate_all(stage, team.experts, score=score)
    settle(stage, team.lead)
    finalize_labels(stage=stage, by=team.admin, now=NOW)
    stage.refresh_from_db()
    return stage
