"""What comes out of decoding: an event, or a record that could not become one."""

from __future__ import annotations

from typing import Any

import msgspec

# gc=False: an event and its contract hold strings, numbers and plain containers, never a reference back
# to the event, so no cycle can form. It keeps hundreds of thousands of waiting events out of the
# collector's generations, which is worth more than the allocation itself.


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened, typed and validated.

    topic: stream it belongs to, "pos-transactions".
    time: when it happened, epoch milliseconds UTC.
    value: the stream's contract (`guardian.events.store`, `.warehouse`, `.context`); for streams derived
        inside the engine, any struct.
    id: the producer's `event_id` (the same id again is the same event), or a broker's
        "topic/partition/offset". None: the record's position is its identity.
    source: where it was read from, "pos_transactions.jsonl".
    position: record number in the source: line (from 1), sequence, or offset.
    raw: the value's bytes as they came, for history; fields unknown to the contract live only here.
    """

    topic: str
    time: int
    value: Any
    id: str | None
    source: str
    position: int
    raw: bytes

    @property
    def ref(self) -> str:
        """What evidence cites: the producer's id, else "source:position"."""
        given = self.id
        return given if given is not None else f"{self.source}:{self.position}"


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A record that cannot be used, on its way to quarantine.

    topic: the stream, or None when the record does not say or names one we do not read.
    field: path of the offending field ("data.price", "manifest[0].quantity"), or None when the record
        as a whole is bad (not JSON, too large).
    reason: what was expected and what was found, for people; begins with the field where there is one.
    raw: the value's bytes when stream and value are known (`Decoder.decode_value` takes them again once
        the cause is mended), else the whole record, envelope and all.
    """

    topic: str | None
    field: str | None
    reason: str
    source: str
    position: int
    raw: bytes
