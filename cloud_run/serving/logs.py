"""Logs as JSON, one object a line: ours, gunicorn's and the libraries', tracebacks included."""

from __future__ import annotations

from typing import Any

import structlog

from guardian.runtime.json_logs import ABOUT, RENDER, log_as_json


def logging_settings() -> dict[str, Any]:
    """For `logging.config.dictConfig`, which gunicorn calls."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*ABOUT, structlog.stdlib.ExtraAdder()],
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *RENDER],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


def configure() -> None:
    """Sets up structlog for this process."""
    log_as_json()
