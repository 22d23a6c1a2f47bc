"""An alert document, as `guardian.alerts.render` writes it, read again by those who pass it on."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, TypeVar

import msgspec

from guardian.alerts.model import Severity, Status, Subject

LARGEST: Final = 1_000_000
"""Bytes in the largest document that is read."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class DocumentError(ValueError):
    """Bytes that are no alert document. Says why, and shows nothing of them. field: what is wrong in them."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        self.field = field
        super().__init__(reason)


class AlertDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as people and programs outside read it, see docs/alerts.md. Times are ISO-8601 texts."""

    alert_id: _Name
    type: _Name
    severity: Severity
    status: Status
    site: _Name
    subject: Subject
    event_time: str
    started_at: str
    ended_at: str
    count: int
    evidence: dict[str, Any] = {}
    recommended_actions: tuple[str, ...] = ()
    narrative: str = ""


_D = TypeVar("_D", bound=AlertDocument)

_PATH = re.compile(r"\$\.?([^`]*)")
_decoder = msgspec.json.Decoder(AlertDocument)


def read_alert(data: bytes) -> AlertDocument:
    """The alert in a document. Raises DocumentError."""
    return read_document(data, _decoder)


def read_document(data: bytes, decoder: msgspec.json.Decoder[_D]) -> _D:
    """What `decoder` makes of a document. Raises DocumentError."""
    if len(data) > LARGEST:
        raise DocumentError(f"{len(data)} bytes, at most {LARGEST} are read")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        # The message may show what was found there; the path does not.
        path = _PATH.search(str(error))
        where = path[0] if path else "a field is missing"
        raise DocumentError(f"not an alert document: {where}", path[1] or None if path else None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DocumentError("not an alert document in JSON") from None
