"""Alerts on their way out: as items, and as lines of an export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from cloud_run.api.models.alerts import AlertItem
from guardian.desk_ports import AlertWithHandling
from guardian.detectors.registry import REGISTRY
from guardian.events.catalogue import Catalogue

_CSV_COLUMNS: Final = (
    "alert_id",
    "type",
    "title",
    "severity",
    "status",
    "site",
    "subject_kind",
    "subject_id",
    "event_time",
    "started_at",
    "ended_at",
    "detected_at",
    "count",
    "workflow",
    "resolution",
    "assignee",
    "note",
    "value_at_risk",
    "narrative",
)
# A spreadsheet takes what begins like this for a formula, and runs it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


REMEMBERED: Final = 5_000
"""Items that are kept in JSON for the next time: as many as a dashboard watches."""


class AlertItems:
    """Makes items of alerts. For many threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._made: dict[str, tuple[AlertWithHandling, bytes]] = {}

    def item(self, found: AlertWithHandling) -> AlertItem:
        """The alert as the API tells it."""
        return AlertItem.of(found, title(found.alert.type), self._catalogue)

    def json(self, found: AlertWithHandling) -> bytes:
        """The same in JSON; what was made of it before, as long as nothing of it has changed."""
        alert_id = found.alert.alert_id
        made = self._made.get(alert_id)
        if made is not None and made[0] == found:
            return made[1]
        content = self.item(found).model_dump_json().encode()
        if len(self._made) >= REMEMBERED:
            self._made.clear()
        self._made[alert_id] = found, content
        return content

    def jsonl(self, found: Iterable[AlertWithHandling]) -> Iterator[bytes]:
        """One object a line."""
        for one in found:
            yield self.json(one) + b"\n"

    def csv(self, found: Iterable[AlertWithHandling]) -> Iterator[bytes]:
        """For spreadsheets: what looks like a formula is made a text by a leading apostrophe."""
        yield _line(_CSV_COLUMNS)
        for one in found:
            item = self.item(one)
            fields = item.model_dump(mode="json")
            fields |= fields["handling"]
            fields |= {"subject_kind": item.subject.kind, "subject_id": item.subject.id}
            yield _line([_harmless(fields[name]) for name in _CSV_COLUMNS])


def title(type_: str) -> str:
    """What an alert's type is called for people."""
    entry = REGISTRY.get(type_)
    return type_.replace("_", " ").capitalize() if entry is None else entry.detector.about.title


def _harmless(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, int | float) else text


def _line(values: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue().encode("utf-8", "replace")
