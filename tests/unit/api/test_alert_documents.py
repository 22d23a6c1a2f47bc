"""What the dashboard's tests take for a document in Firestore is what the machine writes."""

from __future__ import annotations

from tests.unit.api.alert_documents import FILE, text


def test_the_dashboard_is_tested_with_what_is_written() -> None:
    assert FILE.read_text("utf-8") == text(), "python -m tests.unit.api.alert_documents writes it anew"
