"""Alerts as JSON lines: the fields of the documented format, in their order, times with their zone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from guardian.alerts.model import Severity, Status
from guardian.alerts.render import alert_document, alert_line
from tests.unit.alerts.alerts import AT, alert

BERLIN = ZoneInfo("Europe/Berlin")
INDIA = timezone(timedelta(hours=5, minutes=30))
TIMES = ("event_time", "started_at", "ended_at", "detected_at")


def test_a_line_is_exactly_this() -> None:
    assert alert_line(alert(), BERLIN).decode() == (
        '{"alert_id":"al_0123","type":"LONG_QUEUE","severity":"medium","status":"suspected","site":"shop-1",'
        '"subject":{"kind":"station","id":"SCC1"},'
        '"event_time":"2025-08-13T16:00:05+02:00","started_at":"2025-08-13T16:00:04+02:00",'
        '"ended_at":"2025-08-13T16:00:06.500+02:00","detected_at":"2025-08-13T16:01:05+02:00","count":3,'
        '"evidence":{"num_of_customers":7,"event_ids":["a:1","b:2"],"price":1.5,"note":"“€”"},'
        '"recommended_actions":["Open a station.","Apologise."],"narrative":"Seven customers wait.",'
        '"detector":{"id":"LONG_QUEUE","version":2}}\n'
    )


def test_the_document_has_the_fields_in_their_order() -> None:
    assert list(alert_document(alert(), UTC)) == [
        *("alert_id", "type", "severity", "status", "site", "subject"),
        *("event_time", "started_at", "ended_at", "detected_at", "count"),
        *("evidence", "recommended_actions", "narrative", "detector"),
    ]


@pytest.mark.parametrize(
    ("zone", "ms", "expected"),
    [
        (UTC, AT, "2025-08-13T14:00:05+00:00"),
        (UTC, AT + 1, "2025-08-13T14:00:05.001+00:00"),
        (INDIA, AT, "2025-08-13T19:30:05+05:30"),
        (BERLIN, AT, "2025-08-13T16:00:05+02:00"),
        (BERLIN, 1_735_732_800_000, "2025-01-01T13:00:00+01:00"),
        (BERLIN, 1_761_438_600_000, "2025-10-26T02:30:00+02:00"),  # this hour comes twice,
        (BERLIN, 1_761_442_200_000, "2025-10-26T02:30:00+01:00"),  # and its zone tells which is meant
    ],
)
@pytest.mark.parametrize("name", TIMES)
def test_times_are_the_sites_with_their_zone(zone: tzinfo, ms: int, expected: str, name: str) -> None:
    assert alert_document(alert(**{name: ms}), zone)[name] == expected


@given(st.integers(946_684_800_000, 1_893_456_000_000), st.sampled_from([UTC, BERLIN, INDIA]))
def test_times_can_be_read_back(ms: int, zone: tzinfo) -> None:
    told = datetime.fromisoformat(alert_document(alert(event_time=ms), zone)["event_time"])
    assert (told - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == ms


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("status", list(Status))
def test_words_are_plain(severity: Severity, status: Status) -> None:
    document = json.loads(alert_line(alert(severity=severity, status=status), UTC))
    assert (document["severity"], document["status"]) == (severity.value, status.value)


@given(st.text(), st.text())
def test_whatever_the_text_one_alert_is_one_line(text: str, key: str) -> None:
    line = alert_line(alert(narrative=text, evidence={"note": text, key: None}), UTC)
    assert line.count(b"\n") == 1
    assert line.endswith(b"}\n")
    document = json.loads(line)
    assert document["narrative"] == text
    assert document["evidence"] == {"note": text, key: None}
