"""The question that decides whether a release gets traffic, asked of the real API and of spoilt ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from cloud_run.api.main import Api
from cloud_run.api.settings import api_settings
from infra.smoke import SmokeError, smoke

PAGE = "<!doctype html><html></html>"


@contextmanager
def _api(folder: Path) -> Iterator[str]:
    pages = folder / "pages"
    pages.mkdir()
    (pages / "index.html").write_text(PAGE)
    api = Api(
        api_settings({"GUARDIAN_STORE": f"sqlite:{folder / 'guardian.db'}", "GUARDIAN_DASHBOARD": str(pages)})
    )
    server = make_server("127.0.0.1", 0, api.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        api.close()


@contextmanager
def _answers(answers: dict[str, tuple[int, dict[str, str], str]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answers[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_api_passes(tmp_path: Path) -> None:
    with _api(tmp_path) as url:
        smoke(url, tries=1)


SOUND: dict[str, tuple[int, dict[str, str], str]] = {
    "/openapi.json": (200, {}, '{"paths": {"/api/v1/alerts": {}}}'),
    "/api/v1/alerts": (401, {"Content-Type": "application/problem+json"}, "{}"),
    "/": (200, {"Content-Security-Policy": "default-src 'self'"}, PAGE),
}


def test_what_sound_is() -> None:
    with _answers(SOUND) as url:
        smoke(url, tries=1)


@pytest.mark.parametrize(
    ("path", "answer", "says"),
    [
        ("/openapi.json", (200, {}, "[]"), "description"),
        ("/openapi.json", (500, {}, ""), "got 500"),
        ("/api/v1/alerts", (200, {"Content-Type": "application/json"}, "{}"), "somebody unknown, got 200"),
        ("/api/v1/alerts", (401, {}, ""), "somebody unknown"),
        ("/", (404, {}, ""), "dashboard"),
        ("/", (200, {}, PAGE), "content-security-policy"),
    ],
)
def test_what_is_not(path: str, answer: tuple[int, dict[str, str], str], says: str) -> None:
    with _answers(SOUND | {path: answer}) as url, pytest.raises(SmokeError, match=says):
        smoke(url, tries=1)


def test_nobody_there() -> None:
    with pytest.raises(SmokeError, match=r"127\.0\.0\.1"):
        smoke("http://127.0.0.1:9", tries=1)
    with pytest.raises(SmokeError, match="expected https"):
        smoke("http://example.com", tries=1)
