"""Reading an alert document again."""

from __future__ import annotations

from datetime import UTC

import msgspec
import pytest
from hypothesis import given, strategies as st

from guardian.alerts.document import LARGEST, DocumentError, read_alert
from guardian.alerts.render import alert_document
from tests.unit.alerts.alerts import EXAMPLE


def test_what_was_rendered_is_read() -> None:
    rendered = alert_document(EXAMPLE, UTC)
    read = msgspec.json.decode(msgspec.json.encode(read_alert(msgspec.json.encode(rendered))))
    assert read == {name: rendered[name] for name in read}


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"severity": "secret-9"}, "$.severity"), ({"site": ""}, "$.site"), ({"count": "secret-9"}, "$.count")],
)
def test_what_does_not_fit_is_named_and_not_shown(changes: dict[str, object], told: str) -> None:
    with pytest.raises(DocumentError) as raised:
        read_alert(msgspec.json.encode(alert_document(EXAMPLE, UTC) | changes))
    assert told in str(raised.value)
    assert "secret" not in str(raised.value)


def test_what_is_too_large_is_not_read() -> None:
    with pytest.raises(DocumentError, match="at most"):
        read_alert(b" " * (LARGEST + 1))


@given(st.binary(max_size=200) | st.text(max_size=50).map(msgspec.json.encode))
def test_nothing_else_is_raised(data: bytes) -> None:
    with pytest.raises(DocumentError):
        read_alert(data)


def test_depth_is_no_crash() -> None:
    with pytest.raises(DocumentError):
        read_alert(b"[" * 100_000)
