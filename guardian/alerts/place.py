"""Where an alert is: at a till, at a shelf, or nowhere but at its site."""

from __future__ import annotations

from typing import Final

from guardian.alerts.model import Alert

_KINDS: Final = frozenset({"location", "station"})


def place_of(alert: Alert) -> str:
    """The location or station that its evidence names, else its subject, if that is one; else empty."""
    for name in ("location", "station_id"):
        place = alert.evidence.get(name)
        if isinstance(place, str) and place:
            return place
    return alert.subject.id if alert.subject.kind in _KINDS else ""


def is_at(alert: Alert, place: str) -> bool:
    """Whether it is at this place or in it: WH1/A-03 is in WH1, and in the aisle WH1/A."""
    at = place_of(alert)
    return at == place or at.startswith((f"{place}/", f"{place}-"))
