"""From messages to rows: events as the correlator reads them, and what could not be one."""

from __future__ import annotations

import re
from typing import Final

from guardian.adapters.google.event_history import HistoryRow
from guardian.adapters.google.pubsub_message import Message
from guardian.adapters.history.rows import event_row, quarantine_row
from guardian.adapters.history.tables import QUARANTINE, STREAM_TABLES, TABLES
from guardian.adapters.pulling import Pulled
from guardian.events.model import Rejected
from guardian.runtime.composition import decoder_now, latest
from guardian.runtime.settings import Settings

UNUSABLE: Final = TABLES[QUARANTINE]

_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class EventRows:
    """Rows of what lies in the topics of the streams. One thread's business."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError."""
        self._site = settings.site
        self._decoder, self._times = decoder_now(settings)

    def of(self, topic: str, pulled: Pulled) -> HistoryRow:
        """The row of an event in its stream's table, or in quarantine with the reason. Never raises.

        In the cloud nobody numbers the events of a site: `seq` is when it was published, in microseconds.
        """
        message = Message(
            data=pulled.data, attributes=dict(pulled.attributes), message_id=pulled.message_id, topic=topic
        )
        self._times.latest_ms = latest()
        record = message.event(self._decoder)
        if not isinstance(record, Rejected):
            try:
                table = STREAM_TABLES[record.topic]
                return table, event_row(record, self._site, pulled.published)
            except Exception as error:  # one that is not as it should be must not hold up the others
                reason = f"no row can be made of it: {type(error).__name__}"
                record = Rejected(record.topic, None, reason, record.source, record.position, record.raw)
        row = quarantine_row(0, record, pulled.published // 1000, self._site)
        return UNUSABLE, {**row, "record_id": message.identity}

    def of_quarantined(self, pulled: Pulled) -> HistoryRow | None:
        """The row of what others could not carry. Of one in several parts the first one tells."""
        attributes = pulled.attributes
        if attributes.get("quarantine-part", "1") != "1":
            return None
        topic = attributes.get("kafka-topic") or attributes.get("pubsub-subscription")
        offset = attributes.get("kafka-offset", "")
        length = attributes.get("quarantine-length", "")
        identity = attributes.get("ce-id") or pulled.message_id
        if attributes.get("quarantine-parts", "1") != "1":
            identity = identity.removesuffix("/1")
        return UNUSABLE, {
            "record_id": identity,
            "event_time": pulled.published // 1000,
            "site": self._site,
            "topic": topic,
            "reason": attributes.get("quarantine-reason") or "no reason was given",
            "read_from": "/".join(filter(None, (topic, attributes.get("kafka-partition")))) or "quarantine",
            "read_position": int(offset) if _NUMBER.fullmatch(offset) else 0,
            "bytes": int(length) if _NUMBER.fullmatch(length) else len(pulled.data),
        }
