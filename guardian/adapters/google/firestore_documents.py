"""How things look as Firestore documents: their ids, their fields, and how large they may be."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from google.cloud.firestore import SERVER_TIMESTAMP

from guardian.alerts.handling import UNTOUCHED, Handling, Resolution
from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject, Workflow
from guardian.engine.plan import Failure, HistoryRow
from guardian.events.model import Rejected
from guardian.ports import StoredAlert

Fields = dict[str, Any]

LARGEST = 900_000
"""Bytes in the largest document that is written; Firestore's own limit is 1 MiB."""

PIECE = 850_000
"""Bytes of an original in quarantine in one document; the rest of a longer one lies in others."""
QUARANTINE_WHOLE = 16 * 1024 * 1024
"""Originals up to this many bytes are quarantined whole; of longer ones the first `PIECE` bytes."""

TEXT_KEPT = 4_096
"""How many characters are kept of a text about a record that may hold anything."""

OVERHEAD = 1_000
"""Bytes allowed for what a write holds besides its long fields: names, numbers, the path."""

CHANGED = "changed"
"""Field of an alert's document: when anybody has last written to it."""

WRITTEN = "written"
"""Field of what the machine replaces as a whole: when it has last written it."""

NARRATIVE_BY = "narrative_by"
"""Field of an alert's document: who has put another narrative in the place of ours."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
_encode_json = msgspec.json.Encoder().encode
_decode_evidence = msgspec.json.Decoder(dict[str, Any]).decode


class DocumentTooLargeError(ValueError):
    """Something does not fit into a document. Says what and how large it is, and shows nothing of it."""


def document_id(text: str) -> str:
    """An id for a document named by a text: the text where it is a plain word, else a digest of it."""
    return text if _PLAIN.fullmatch(text) else f"~{digest(text)}"


def digest(*texts: str) -> str:
    """128 bits that stand for these texts, as hexadecimal digits."""
    joined = "".join(f"{len(text)}:{text}" for text in texts)
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def alert_fields(alert: Alert) -> Fields:
    """What the machine says in an alert's document. People's part (`handling_fields`) is not here.

    `changed` is when anybody has last written to it, by the server's clock.

    Evidence is one JSON text: as a map it could not hold a list of lists, and every fact in it would be
    indexed. Raises DocumentTooLargeError, naming the alert.
    """
    evidence = _encode_json(alert.evidence)
    check_size(f"alert {alert.alert_id}", len(_encode_json(alert)))
    return {
        "alert_id": alert.alert_id,
        "type": alert.type,
        "severity": alert.severity.value,
        "status": alert.status.value,
        "site": alert.site,
        "subject": {"kind": alert.subject.kind, "id": alert.subject.id},
        "event_time": alert.event_time,
        "started_at": alert.started_at,
        "ended_at": alert.ended_at,
        "detected_at": alert.detected_at,
        "count": alert.count,
        "evidence": evidence.decode(),
        "recommended_actions": list(alert.recommended_actions),
        "narrative": alert.narrative,
        "detector": {"id": alert.detector.id, "version": alert.detector.version},
        CHANGED: SERVER_TIMESTAMP,
    }


def new_alert_fields() -> Fields:
    """What people's part of an alert's document is before anybody has done anything."""
    return handling_fields(UNTOUCHED)


def handling_fields(handling: Handling) -> Fields:
    """People's part of an alert's document."""
    return {
        "workflow": handling.workflow.value,
        "resolution": handling.resolution.value,
        "assignee": handling.assignee,
        "note": handling.note,
        "handled_by": handling.changed_by,
        "handled_at": handling.changed_at,
        "handling_revision": handling.revision,
    }


def stored_handling(fields: Mapping[str, Any]) -> Handling:
    """People's part of an alert's document, which may be older than some of its fields."""
    return Handling(
        workflow=Workflow(fields["workflow"]),
        resolution=Resolution(fields.get("resolution", "")),
        assignee=fields.get("assignee", ""),
        note=fields["note"],
        changed_by=fields.get("handled_by", ""),
        changed_at=fields.get("handled_at", 0),
        revision=fields.get("handling_revision", 0),
    )


def stored_alert(fields: Mapping[str, Any]) -> StoredAlert:
    """The alert in a document, and what people have done with it."""
    alert = Alert(
        alert_id=fields["alert_id"],
        type=fields["type"],
        severity=Severity(fields["severity"]),
        status=Status(fields["status"]),
        site=fields["site"],
        subject=Subject(fields["subject"]["kind"], fields["subject"]["id"]),
        event_time=fields["event_time"],
        started_at=fields["started_at"],
        ended_at=fields["ended_at"],
        detected_at=fields["detected_at"],
        count=fields["count"],
        evidence=_decode_evidence(fields["evidence"]),
        recommended_actions=tuple(fields["recommended_actions"]),
        narrative=fields["narrative"],
        detector=DetectorRef(fields["detector"]["id"], fields["detector"]["version"]),
    )
    return StoredAlert(alert, Workflow(fields["workflow"]), fields["note"])


def history_id(row: HistoryRow) -> str:
    """The id of a history row's document."""
    return digest(row.kind, row.id)


def history_fields(row: HistoryRow) -> Fields:
    """A history row as it is stored, its content as one JSON text. Raises DocumentTooLargeError."""
    text = _encode_json(row.row).decode()
    check_size(f"history {row.kind} {row.id!r}", len(text.encode()))
    return {"kind": row.kind, "id": row.id, "time": row.time, "row": text}


def history_row(fields: Mapping[str, Any]) -> HistoryRow:
    """The history row in a document."""
    return HistoryRow(fields["kind"], fields["id"], fields["time"], msgspec.json.decode(fields["row"]))


def rejected_fields(record: Rejected) -> Fields:
    """A quarantined record as it is stored: whatever is wrong with it, it fits.

    `pieces` is how many further documents hold the rest of a long original, see `further_pieces`; `length`
    and `sha256` are always those of the whole.
    """
    raw, reason = record.raw, _text(record.reason)
    sha256 = hashlib.sha256(raw).hexdigest()
    if len(raw) > QUARANTINE_WHOLE:
        reason += f" [only the first {PIECE} of {len(raw)} bytes are kept, SHA-256 {sha256}]"
    return {
        "topic": None if record.topic is None else _text(record.topic),
        "field": None if record.field is None else _text(record.field),
        "reason": reason,
        "source": _text(record.source),
        "position": record.position,
        "raw": raw[:PIECE],
        "pieces": len(further_pieces(record)),
        "length": len(raw),
        "sha256": sha256,
    }


def further_pieces(record: Rejected) -> list[bytes]:
    """What of an original does not fit into the record's own document, in order."""
    raw = record.raw
    if len(raw) > QUARANTINE_WHOLE:
        return []
    return [raw[first : first + PIECE] for first in range(PIECE, len(raw), PIECE)]


def rejected_record(fields: Mapping[str, Any], further: bytes = b"") -> Rejected:
    """The quarantined record in a document. further: the rest of its original."""
    return Rejected(
        fields["topic"],
        fields["field"],
        fields["reason"],
        fields["source"],
        fields["position"],
        fields["raw"] + further,
    )


def failure_fields(failure: Failure) -> Fields:
    """A failure as it is stored."""
    return {
        "detector": _text(failure.detector),
        "key": _text(failure.key),
        "event": _text(failure.event),
        "error": _text(failure.error),
    }


def size_of(fields: Mapping[str, Any]) -> int:
    """About how many bytes the fields take in a request: never much less than it really is."""
    return OVERHEAD + sum(_size(value) for value in fields.values())


def _size(value: Any) -> int:
    if isinstance(value, bytes):
        return len(value) + 16
    if isinstance(value, str):
        return (len(value) if value.isascii() else 4 * len(value)) + 16
    if isinstance(value, Mapping):
        return 16 + sum(_size(name) + _size(item) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return 16 + sum(map(_size, value))
    return 32


def check_size(what: str, size: int) -> None:
    """Raises DocumentTooLargeError if something of so many bytes does not fit into a document."""
    if size + OVERHEAD > LARGEST:
        raise DocumentTooLargeError(f"{what}: {size} bytes do not fit into a document of {LARGEST}")


def _text(value: str) -> str:
    """Text that can be stored: no surrogates, and not without end."""
    if len(value) > TEXT_KEPT:
        value = f"{value[:TEXT_KEPT]}… [{len(value)} characters]"
    return value.encode("utf-8", "backslashreplace").decode()
