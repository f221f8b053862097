"""The proxy of docker-compose.yml, by hand, before a real web server; skipped where there is no nginx."""

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings

from tests.integration.test_slow_clients import AT_ONCE, UNFINISHED, Crowd, seconds_of_a_page
from tests.live import Live, wait_until
from tests.services import free_port

NGINX = os.environ.get("NGINX") or shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [
    pytest.mark.once,
    pytest.mark.deep,
    pytest.mark.skipif(not NGINX, reason="needs an nginx, or its place in $NGINX"),
]


class Proxy:
    """nginx on the template as the image fills it in, in front of `live`."""

    def __init__(self, live, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        text = (Path(settings.BASE_DIR) / "deploy" / "nginx.conf.template").read_text()
        for old, new in {
            "/tmp/": f"{folder}/",
            "/var/cache/nginx": str(folder),
            "${CONCORD_UPLOAD_MB}": "2",
            "web:8000": f"127.0.0.1:{live.port}",
            "listen 8080": f"listen {self.port}",
        }.items():
            assert old in text
            text = text.replace(old, new)
        file = folder / "nginx.conf"
        file.write_text(text)
        self.argv = [NGINX, "-e", "stderr", "-c", str(file), "-g", "daemon off;"]

    def start(self):
        self.process = subprocess.Popen(self.argv, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.status("/.up") == 204, what="the proxy")

    def status(self, path, body=None, **headers):
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, body, headers), timeout=60
            ) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            return None


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    live = Live(DATABASE_URL="sqlite:///:memory:")
    live.start("web")
    proxy = Proxy(live, tmp_path_factory.mktemp("nginx"))
    proxy.start()
    yield proxy
    proxy.process.terminate()
    proxy.process.wait(30)
    live.stop()


class TestProxy:
    def test_hands_pages_on_and_says_what_is_too_large(self, proxy):
        assert proxy.status("/static/css/base.css") == 200
        assert proxy.status("/login/", b"a=b") == 403  # no CSRF token: Django has read it
        assert proxy.status("/login/", b"x" * 3 * 1024**2) == 413

    @pytest.mark.parametrize("said", UNFINISHED.values(), ids=list(UNFINISHED))
    def test_a_thousand_slow_clients_keep_nobody_waiting(self, proxy, said):
        with Crowd(proxy, 1000, said):
            assert max(seconds_of_a_page(proxy) for _ in range(20)) < AT_ONCE
