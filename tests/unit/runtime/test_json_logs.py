"""Lines of the log are as Cloud Logging reads them, whoever writes them."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import Flask

from cloud_run.serving.logs import configure, logging_settings
from guardian.runtime.json_logs import SAMPLED, SPAN, TRACE, log_as_json

PROJECT = "shop-prod"
ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:], root.level = handlers, level


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize("set_up", [log_as_json, configure])
def test_severity_and_message(set_up: Any, capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    log = structlog.get_logger("x")
    log.debug("not_told")
    log.info("begun", stream="pos-transactions")
    log.warning("held_up")
    log.error("failed")
    log.critical("died")
    told = lines(capsys)
    assert [(line["severity"], line["message"]) for line in told] == [
        ("INFO", "begun"),
        ("WARNING", "held_up"),
        ("ERROR", "failed"),
        ("CRITICAL", "died"),
    ]
    assert told[0]["stream"] == "pos-transactions"
    assert not {"level", "event"} & set().union(*told)


def test_lines_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(logging_settings())
    try:
        raise ValueError("a defect")
    except ValueError:
        logging.getLogger("somebody.else").exception("failed", extra={"what": 1})
    (line,) = lines(capsys)
    assert (line["severity"], line["message"], line["what"]) == ("ERROR", "failed", 1)
    assert "a defect" in line["exception"]
    assert "level" not in line


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"traceparent": f"00-{ID}-00f067aa0ba902b7-01"},
            {TRACE: f"projects/{PROJECT}/traces/{ID}", SPAN: "00f067aa0ba902b7", SAMPLED: True},
        ),
        (
            {"X-Cloud-Trace-Context": f"{ID}/123;o=0"},
            {TRACE: f"projects/{PROJECT}/traces/{ID}", SAMPLED: False},
        ),
        ({"X-Cloud-Trace-Context": ID}, {TRACE: f"projects/{PROJECT}/traces/{ID}", SAMPLED: False}),
        ({"traceparent": "00-x-y-01"}, {}),
        ({"traceparent": f"00-{ID}-00f067aa0ba902b7-01 injected"}, {}),
        ({"X-Cloud-Trace-Context": f"{ID}/../../else"}, {}),
        ({}, {}),
    ],
)
def test_trace_of_a_request(
    headers: dict[str, str], expected: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    log_as_json()
    with Flask("x").test_request_context("/", headers=headers):
        structlog.get_logger("x").info("asked")
    structlog.get_logger("x").info("elsewhere")
    asked, elsewhere = lines(capsys)
    assert {name: value for name, value in asked.items() if name.startswith("logging.")} == expected
    assert not [name for name in elsewhere if name.startswith("logging.")]


def test_without_a_project_there_is_no_trace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    log_as_json()
    with Flask("x").test_request_context("/", headers={"traceparent": f"00-{ID}-00f067aa0ba902b7-01"}):
        structlog.get_logger("x").info("asked")
    (line,) = lines(capsys)
    assert TRACE not in line
