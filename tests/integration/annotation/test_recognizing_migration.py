"""Prompts that came in before conversations were recognized get their digests, and none is lost."""

import hashlib

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from annotation.importing import import_prompts
from core.errors import InvalidInput
from tests.factories.core import NOW, make_project

pytestmark = [pytest.mark.django_db(transaction=True)]

BEFORE, AFTER = "0004_rating_revised_index", "0007_prompt_conversation_once"
TEXTS = ["One", "Two\r\nlines", "Two\nlines", "Two\u200b\rlines", "Caf\u00e9", "Cafe\u0301", "\u200b"]


def migrate(name):
    executor = MigrationExecutor(connection)
    executor.migrate([("annotation", name)])
    return executor.loader.project_state([("annotation", name)]).apps


@pytest.fixture
def back_to_the_newest():
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.usefixtures("back_to_the_newest")
class TestRecognize:
    def test_keeps_every_prompt_and_recognizes_each_again(self):
        project = make_project().project
        old = migrate(BEFORE).get_model("annotation", "Prompt")
        for position, text in enumerate(TEXTS):
            old.objects.create(
                project_id=project.pk,
                external_id=f"p{position}",
                position=position,
                text=text,
                text_sha256=hashlib.sha256(text.encode()).hexdigest(),
                split="train" if position % 2 else "held-out",
                created_at=NOW,
            )
        migrate(AFTER)
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
        rows = list(project.prompts.order_by("position"))
        assert [row.text for row in rows] == TEXTS
        assert rows[0].digest == hashlib.sha256(b"One").hexdigest()
        assert rows[1].digest == hashlib.sha256(b"Two\nlines").hexdigest()
        assert len({row.digest for row in rows}) == len(TEXTS)
        with pytest.raises(InvalidInput) as caught:
            import_prompts(project=project, rows=[{"prompt": text} for text in TEXTS[:6]], by=None, now=NOW)
        assert len(caught.value.errors) == 6
