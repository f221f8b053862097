import stat
import subprocess
import sys

import pytest
from django.conf import settings


def start(var, *command):
    """A process of Concord's that keeps its files in `var`."""
    return subprocess.run(
        [sys.executable, *(command or ("manage.py", "check"))],
        env={"PATH": "/usr/bin:/bin", "CONCORD_VAR": str(var)},
        cwd=settings.BASE_DIR, capture_output=True, text=True,
    )  # fmt: skip


def open_to_others(folder):
    return [
        path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]


class TestOwnFolder:
    def test_is_its_owner_s_alone_with_all_that_is_made_in_it(self, tmp_path):
        var = tmp_path / "deep" / "var"
        var.mkdir(parents=True, mode=0o755)
        write = (
            "from django.core.files.base import ContentFile; from django.core.files.storage import default_storage; "
            "from django.db import connection; connection.ensure_connection(); "
            "default_storage.save('uploads/a', ContentFile(b'a'))"
        )
        assert start(var, "manage.py", "shell", "-v0", "-c", write).returncode == 0
        assert (var / "concord.sqlite3").exists() and (var / "artifacts" / "uploads" / "a").exists()
        assert open_to_others(var) == []

    @pytest.mark.parametrize("below", ["", "var"])
    def test_is_one_sentence_where_it_cannot_be(self, tmp_path, below):
        file = tmp_path / "file"
        file.touch()
        done = start(file / below if below else "/proc/version")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("Error: Concord cannot keep its files in ")
        assert "name another one in CONCORD_VAR" in done.stderr
