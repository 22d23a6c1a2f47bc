"""Pages for browsers: the description of the API, and the dashboard where it has been built."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.page_files import PageFiles
from cloud_run.api.problems import not_found

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Business Guardian: API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="api"></div>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
_START: Final = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#api", deepLinking: true});
"""
_FILES: Final = {
    "swagger-ui.css": ("css/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": ("js/swagger-ui-bundle.js", "text/javascript"),
}
_NOT_PAGES: Final = ("api/", "docs/", "openapi.json", "healthz", "readyz", "metrics")


def register(app: OpenAPI, dashboard: Path | None) -> None:
    """Adds /openapi.json, /docs and, where there is one, the dashboard at /."""

    def description() -> Response:
        return Response(msgspec.json.encode(app.api_doc), content_type="application/json")

    def docs() -> Response:
        return Response(_PAGE, content_type="text/html; charset=utf-8")

    def start() -> Response:
        return Response(_START, content_type="text/javascript")

    def bundled(name: str) -> Response:
        if name not in _FILES:
            raise not_found("page")
        path, kind = _FILES[name]
        content = files("flask_openapi3_swagger").joinpath("templates", "swagger", path).read_bytes()
        return Response(content, content_type=kind, headers={"Cache-Control": "max-age=86400"})

    app.add_url_rule("/openapi.json", view_func=description)
    app.add_url_rule("/docs", view_func=docs)
    app.add_url_rule("/docs/start.js", view_func=start)
    app.add_url_rule("/docs/<name>", view_func=bundled)
    if dashboard is None:
        return
    built = PageFiles(dashboard)

    def page(path: str = "index.html") -> Response:
        if path.startswith(_NOT_PAGES):
            raise not_found("page")
        return built.answer(path)

    app.add_url_rule("/", view_func=page)
    app.add_url_rule("/<path:path>", view_func=page)
