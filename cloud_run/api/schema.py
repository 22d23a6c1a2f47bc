"""Prints the API's description, as /openapi.json serves it: `python -m cloud_run.api.schema`.

It needs no store and no settings, so that clients can be generated where nothing runs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec
import structlog

from cloud_run.api.main import Api
from cloud_run.api.settings import ApiSettings


def description() -> bytes:
    """The OpenAPI document of the embedded product, which has every endpoint there is; JSON, indented."""
    with tempfile.TemporaryDirectory(prefix="guardian-schema-") as folder:
        api = Api(ApiSettings(store=Path(folder) / "guardian.db"))
        try:
            content: bytes = api.app.test_client().get("/openapi.json").data
        finally:
            api.close()
    return msgspec.json.format(content, indent=2) + b"\n"


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.stdout.buffer.write(description())
