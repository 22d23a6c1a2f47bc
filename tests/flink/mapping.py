"""What a finding of Flink is to our engine: both are brought to the same episodes, which must then be equal.

What the statements leave out of the engine's semantics is left out of its alerts here, by rule; the table in
docs/scale.md says the same in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

import msgspec

from guardian.alerts.model import Alert, Status

MASS_SHIPMENT: Final = "MASS_SHIPMENT_FRAUD"
STILL_THERE: Final = "SHIPPED_BUT_PRESENT"
MISMATCH: Final = "INVENTORY_MISMATCH"
AFTER_HOURS: Final = "AFTER_HOURS_QR_MANIPULATION"
UNPAID: Final = "RFID_WITHOUT_SALE"

TYPES: Final = frozenset({MASS_SHIPMENT, STILL_THERE, MISMATCH, AFTER_HOURS, UNPAID})

SIGHTING_MS: Final = 120_000
PAIRING_MS: Final = 5_000
QUIET_MS: Final = 86_400_000


class Episode(msgspec.Struct, frozen=True, order=True):
    """Something found. subject: a person, a site, an article, or an article at a station. Times: epoch ms."""

    type: str
    subject: str
    started: int
    ended: int


class Checkouts(msgspec.Struct):
    """What the checkouts of a day reported. reads: when, by event_id. sales: when, by station and article."""

    reads: dict[str, int]
    sales: dict[tuple[str, str], list[int]]


def of_flink(rows: Iterable[Mapping[str, Any]]) -> list[Episode]:
    """Episodes of what the statements have written to `flink-findings`."""
    return _grown(Episode(row["type"], *_of_row(row)) for row in rows)


def _of_row(row: Mapping[str, Any]) -> tuple[str, int, int]:
    started, ended = epoch_ms(row["started_at"]), epoch_ms(row["ended_at"])
    if row["type"] == STILL_THERE:
        return row["subject"], started, started
    if row["type"] == UNPAID:
        return f"{row['subject']} at {row['location']}", started, started
    return row["subject"], started, ended


def of_engine(alerts: Iterable[Alert], checkouts: Checkouts) -> list[Episode]:
    """Episodes of the engine's alerts, of those types that there is a statement for.

    checkouts: what was read and sold there meanwhile.
    """
    episodes = []
    for alert in alerts:
        rule = _RULES.get(alert.type)
        if rule is not None and (episode := rule(alert, checkouts)) is not None:
            episodes.append(episode)
    return _grown(episodes)


def _confirmed(alert: Alert, checkouts: Checkouts) -> Episode | None:
    """A statement says what is certain, once it is: neither what is only suspected, nor what was cleared."""
    if alert.status != Status.CONFIRMED:
        return None
    return Episode(alert.type, alert.subject.id, alert.started_at, alert.ended_at)


def _seen_soon(alert: Alert, checkouts: Checkouts) -> Episode | None:
    """Of goods that no truck took, those that were first seen within two minutes.

    The engine goes on looking, and so ends later: only the beginning can be the same.
    """
    soon = alert.event_time - alert.started_at <= SIGHTING_MS
    if alert.status != Status.CONFIRMED or "truck_left_at" in alert.evidence or not soon:
        return None
    return Episode(alert.type, alert.subject.id, alert.started_at, alert.started_at)


def _read_unpaid(alert: Alert, checkouts: Checkouts) -> Episode | None:
    """An item that was sold as another one was not sold, either.

    Without pairing one to one, any sale of the article there and then pays for it.
    """
    if alert.status != Status.CONFIRMED:
        return None
    article = alert.evidence["sku" if alert.type == "SCANNER_AVOIDANCE" else "actual_sku"]
    (read_at,) = (checkouts.reads[one] for one in alert.evidence["event_ids"] if one in checkouts.reads)
    sales = checkouts.sales.get((alert.subject.id, article), ())
    if any(abs(sold_at - read_at) <= PAIRING_MS for sold_at in sales):
        return None
    return Episode(UNPAID, f"{article} at {alert.subject.id}", read_at, read_at)


_RULES: Final[Mapping[str, Callable[[Alert, Mapping[str, int]], Episode | None]]] = MappingProxyType(
    {
        MASS_SHIPMENT: _confirmed,
        MISMATCH: _confirmed,
        AFTER_HOURS: _confirmed,
        STILL_THERE: _seen_soon,
        "SCANNER_AVOIDANCE": _read_unpaid,
        "BARCODE_SWITCHING": _read_unpaid,
    }
)


def _grown(episodes: Iterable[Episode]) -> list[Episode]:
    """Wrong readings of an article no more than a day apart are one mismatch, as they are to the engine."""
    grown: list[Episode] = []
    for (kind, _), of_subject in groupby(sorted(episodes), lambda one: (one.type, one.subject)):
        for episode in of_subject:
            last = grown[-1] if grown else None
            if (
                kind == MISMATCH
                and last is not None
                and (last.type, last.subject) == (kind, episode.subject)
                and episode.started <= last.ended + QUIET_MS
            ):
                grown[-1] = msgspec.structs.replace(last, ended=max(last.ended, episode.ended))
            else:
                grown.append(episode)
    return grown


def epoch_ms(text: str) -> int:
    """Of a time as Flink writes it in JSON: "2025-06-03T01:51:56.1Z"."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
