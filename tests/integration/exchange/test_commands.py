"""The commands that bring files."""

import pytest
from django.core.management import CommandError, call_command

from annotation.models import Prompt
from tests.factories.core import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project().project


class TestImportPromptsCommand:
    def test_imports_a_file_and_says_what_came(self, project, tmp_path, capsys):
        path = tmp_path / "prompts.csv"
        path.write_text("prompt,split\nOne,train\nTwo,held-out\n")
        call_command("import_prompts", project.slug, str(path), "--check")
        assert not Prompt.objects.exists()
        call_command("import_prompts", project.slug, str(path))
        assert "2 prompts imported: 1 held-out, 1 train (0 drawn by seed)." in capsys.readouterr().out
        assert Prompt.objects.count() == 2

    def test_takes_columns_of_other_names_and_leaves_out_what_is_there(self, project, tmp_path, capsys):
        path = tmp_path / "prompts.csv"
        path.write_text("Question;lang\nOne;en\nTwo;en\n")
        columns = ["--column", "question=prompt", "--column", "lang="]
        call_command("import_prompts", project.slug, str(path), *columns)
        path.write_text("Question;lang\nOne;en\nThree;en\n")
        with pytest.raises(CommandError, match="Line 2, prompt: the same text is already in the project"):
            call_command("import_prompts", project.slug, str(path), *columns)
        call_command("import_prompts", project.slug, str(path), *columns, "--skip")
        assert "1 are in the project already." in capsys.readouterr().out
        assert Prompt.objects.count() == 3

    @pytest.mark.parametrize(
        "slug, text, message",
        [
            ("nowhere", "prompt\nOne\n", "no project “nowhere”"),
            (None, "prompt\n\n", "no records"),
            (None, None, "cannot be read"),
        ],
    )
    def test_says_what_is_wrong(self, project, tmp_path, slug, text, message):
        path = tmp_path / "prompts.csv"
        if text is not None:
            path.write_text(text)
        with pytest.raises(CommandError, match=message):
            call_command("import_prompts", slug or project.slug, str(path))
