"""Logs as JSON, one object a line, as Cloud Logging reads them: for functions and services."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

TRACE: Final = "logging.googleapis.com/trace"
SPAN: Final = "logging.googleapis.com/spanId"
SAMPLED: Final = "logging.googleapis.com/trace_sampled"

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_CLOUD_TRACE: Final = re.compile(r"([0-9a-f]{32})(?:/[0-9]{1,20})?(?:;o=([01]))?")


def _as_google_reads_it(logger: Any, method: str, event: EventDict) -> EventDict:
    """Cloud Logging takes the level from `severity`, in capitals, and the text from `message`."""
    event["severity"] = str(event.pop("level", "info")).upper()
    event["message"] = event.pop("event", "")
    return event


def _with_trace(logger: Any, method: str, event: EventDict) -> EventDict:
    """Within a request, the trace it belongs to, so that its lines stand together."""
    project = os.environ.get("GOOGLE_CLOUD_PROJECT")
    # Who has no web server has not loaded Flask either.
    flask = sys.modules.get("flask")
    if not project or flask is None or not flask.has_request_context():
        return event
    headers = flask.request.headers
    if found := _TRACEPARENT.fullmatch(headers.get("traceparent", "")):
        trace, event[SPAN], sampled = found[1], found[2], bool(int(found[3], 16) & 1)
    elif found := _CLOUD_TRACE.fullmatch(headers.get("X-Cloud-Trace-Context", "")):
        trace, sampled = found[1], found[2] == "1"
    else:
        return event
    event[TRACE] = f"projects/{project}/traces/{trace}"
    event[SAMPLED] = sampled
    return event


ABOUT: Final[list[Processor]] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
    _with_trace,
]
"""What every line is given, whoever writes it."""

RENDER: Final[list[Processor]] = [
    structlog.processors.format_exc_info,
    _as_google_reads_it,
    structlog.processors.JSONRenderer(),
]
"""How it becomes text."""


def log_as_json() -> None:
    """Sets up structlog for this process: standard error, from INFO on."""
    structlog.configure(
        processors=[*ABOUT, *RENDER],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
