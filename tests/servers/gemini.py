"""A server that speaks the Gemini API, as far as narratives need it, and answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], tuple[int, bytes]]
"""From the request's body to status and body."""


class Gemini:
    """answers: one for each request to come; the last one stays. requests: the bodies that came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[Answer] = []
        self.requests: list[dict[str, Any]] = []


def says(text: str) -> Answer:
    """An answer in which the model says this."""
    body = {
        "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    }
    return lambda request: (200, json.dumps(body).encode())


def tells(summary: str, **changes: str) -> Answer:
    """An answer as the schema wants it."""
    told = {
        "summary": summary,
        "why_it_matters": "The records do not agree with each other.",
        "first_action": "Walk there and look.",
        "confidence": "medium",
    }
    return says(json.dumps(told | changes))


def fails(status: int) -> Answer:
    body = {"error": {"code": status, "message": "no", "status": "UNAVAILABLE"}}
    return lambda request: (status, json.dumps(body).encode())


@contextmanager
def running() -> Iterator[Gemini]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            gemini.requests.append({"path": self.path, "headers": dict(self.headers), **body})
            answer = gemini.answers.pop(0) if len(gemini.answers) > 1 else gemini.answers[0]
            status, content = answer(body)
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # whoever asked has given up

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    gemini = Gemini(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield gemini
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
