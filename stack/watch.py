"""Prints alerts as they reach Firestore: a line for a new one, and when its severity or status changes."""

from __future__ import annotations

import signal
import threading
from typing import Any

from google.cloud.firestore import Client
from rich.console import Console

from guardian.adapters.google.firestore_documents import stored_alert
from guardian.cli.output import alert_row
from guardian.ports import StoredAlert

ALERTS = "alerts"


class News:
    """What of an alert is worth a line."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, str]] = {}

    def line(self, stored: StoredAlert) -> str | None:
        """The line, or None if nothing has changed that matters."""
        alert = stored.alert
        state = alert.severity.value, alert.status.value
        before = self._told.get(alert.alert_id)
        if before == state:
            return None
        self._told[alert.alert_id] = state
        return alert_row(alert) + ("" if before is None else f" [dim](was {', '.join(before)})[/]")


def main() -> None:
    """Watches all sites of the database until it is told to stop."""
    console = Console(highlight=False, soft_wrap=True)
    news = News()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    def show(documents: Any, changes: Any, read_time: Any) -> None:
        for change in changes:
            if change.type.name != "REMOVED" and (line := news.line(stored_alert(change.document.to_dict()))):
                console.print(line)

    watch = Client().collection_group(ALERTS).on_snapshot(show)
    stop.wait()
    watch.unsubscribe()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
