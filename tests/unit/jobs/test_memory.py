from jobs.memory import oom_kills


def system(tmp_path, membership, **files):
    (tmp_path / "membership").write_text(membership)
    for name, words in files.items():
        path = tmp_path / "cgroup" / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words)
    return {"cgroup": tmp_path / "cgroup", "membership": tmp_path / "membership"}


class TestOomKills:
    def test_is_what_the_own_control_group_counts(self, tmp_path):
        files = system(
            tmp_path,
            "0::/user/session\n",
            user__session__memory_DOT_events="low 0\noom 3\noom_kill 2\n",
            memory_DOT_events="oom_kill 9\n",
        )
        assert oom_kills(**files) == 2

    def test_is_the_roots_in_a_container(self, tmp_path):
        files = system(tmp_path, "0::/\n", memory_DOT_events="oom 1\noom_kill 1\n")
        assert oom_kills(**files) == 1

    def test_is_found_in_version_1_too(self, tmp_path):
        files = system(
            tmp_path,
            "4:cpu,memory:/jobs/a\n0::/\n",
            memory__jobs__a__memory_DOT_oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
        )
        assert oom_kills(**files) == 4

    def test_is_unknown_where_the_system_does_not_say(self, tmp_path):
        assert oom_kills(**system(tmp_path, "0::/somewhere\n")) is None
        assert oom_kills(tmp_path / "none", tmp_path / "none") is None
