"""Finding prompts: the same on both databases."""

import pytest

from annotation.importing import import_prompts
from annotation.models import Prompt
from annotation.prompt_list import MOST_FOUND, prompt_list
from annotation.searching import write_words
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    project = make_project().project
    rows = [
        {"id": "École-1", "prompt": "Que cherche l’Élève ?", "tags": ["Écoles"], "split": "train"},
        {"id": "ru", "prompt": "Проверка связи: ёлка", "split": "held-out"},
        {"id": "gr", "prompt": "ΟΔΟΣ και οδός", "split": "train"},
        {"id": "tr", "prompt": "İstanbul’da ışık", "split": "train"},
        {"id": "per", "prompt": "100 % of_it\\", "split": "train"},
        {
            "id": "talk",
            "messages": [
                {"role": "user", "content": "Straße\nnach Łódź"},
                {"role": "assistant", "content": "Ja."},
                {"role": "user", "content": "كِتَابٌ"},
            ],
            "split": "train",
        },
    ]
    import_prompts(project=project, rows=rows, by=None, now=NOW)
    other = make_project().project
    import_prompts(project=other, rows=[{"prompt": "élève"}], by=None, now=NOW)
    return project


def found(project, words, **asked):
    return [prompt.external_id for prompt in prompt_list(project, words=words, **asked)["page_obj"]]


class TestPromptList:
    @pytest.mark.parametrize(
        ("words", "ids"),
        [
            ("CHERCHE", ["École-1"]),
            ("l'élève", ["École-1"]),
            ("eleve", ["École-1"]),
            ("E\u0301LE\u0300VE", ["École-1"]),
            ("ecole-1", ["École-1"]),
            ("ÉCOLES", ["École-1"]),
            ("проверка", ["ru"]),
            ("ЕЛКА", ["ru"]),
            ("ὁδός", ["gr"]),
            ("ISTANBUL", ["tr"]),
            ("işik", ["tr"]),
            ("strasse  nach lodz", ["talk"]),
            ("كتاب", ["talk"]),
            ("%", ["per"]),
            ("_", ["per"]),
            ("\\", ["per"]),
            ("ja كتاب", []),
            ("x" * 100_000, []),
        ],
    )
    def test_finds_whatever_the_case_and_accents(self, project, words, ids):
        assert found(project, words) == ids

    def test_finds_within_a_split_and_in_the_order_of_the_prompts(self, project):
        assert found(project, "a", split="held-out") == []
        assert found(project, "о", split="held-out") == ["ru"]
        assert found(project, "t") == ["tr", "per", "talk"]

    def test_finds_no_more_than_a_page_needs(self, project):
        rows = [{"prompt": f"The same {number}"} for number in range(MOST_FOUND + 1)]
        import_prompts(project=project, rows=rows, by=None, now=NOW)
        shown = prompt_list(project, words="THE SAME")
        assert shown["page_obj"].paginator.count == MOST_FOUND and shown["found_more"]

    def test_finds_what_a_prompt_says_now(self, project):
        prompt = Prompt.objects.get(external_id="talk")
        Prompt.objects.filter(pk=prompt.pk).update(text="Bücher")
        prompt.refresh_from_db()
        write_words([prompt])
        assert found(project, "BUCHER") == found(project, "straße") == ["talk"]
        assert found(project, "كتاب") == []
