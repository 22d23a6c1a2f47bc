"""Logs as JSON, for functions, and for services with no web server whose own logs would have to match."""

from __future__ import annotations

import sys

import structlog


def log_as_json() -> None:
    """Logs one JSON object a line, on standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
