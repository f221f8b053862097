from serving.private import make_private


class TestMakePrivate:
    def test_takes_from_others_what_they_may_do_and_leaves_links_alone(self, tmp_path):
        tmp_path.chmod(0o700)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.touch(0o644)
        var = tmp_path / "var"
        (var / "models").mkdir(parents=True)
        weights = var / "models" / "weights"
        script = var / "script"
        for path, mode in ((var, 0o755), (var / "models", 0o775), (weights, 0o644), (script, 0o755)):
            path.touch()
            path.chmod(mode)
        elsewhere.chmod(0o644)
        (var / "link").symlink_to(elsewhere)

        assert make_private(var, tmp_path / "nowhere") == 4
        modes = [path.stat().st_mode & 0o777 for path in (var, var / "models", weights, script, elsewhere)]
        assert modes == [0o700, 0o700, 0o600, 0o700, 0o644]
        assert make_private(var) == 0
