"""A small OpenAI-compatible server of the tests: real HTTP on a free port."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Answers each request with what `says(body, tries of the same body)` gives: (status, headers, answer)."""

    daemon_threads = True

    def __init__(self, says):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.says, self.asked, self.tries, self.lock = says, [], {}, threading.Lock()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question = body["messages"][-1]["content"]
        with self.server.lock:
            self.server.asked.append((self.path, self.headers.get("Authorization"), body, time.monotonic()))
            tried = self.server.tries[question] = self.server.tries.get(question, 0) + 1
        status, headers, answer = self.server.says(body, tried)
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


def said(text, finish="stop"):
    return (
        200,
        {},
        {
            "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}],
            "usage": {"completion_tokens": 3},
        },
    )


@contextmanager
def served(says):
    """A Server that is at work; its base URL is `server.url`."""
    server = Server(says)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
