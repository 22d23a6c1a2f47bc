"""Events from a subscription into BigQuery, at least once.

A message is acknowledged when BigQuery has taken its row, or quarantine has. While BigQuery is away the
messages at hand are held, and their lease extended, so that an outage counts for no failed delivery; nothing
more is pulled, and Pub/Sub keeps the rest. What was written twice has the same insert id.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from threading import Event as Flag
from typing import Final

import msgspec
import structlog

from guardian.adapters.google.bigquery_writer import BigQueryWriter
from guardian.adapters.history.rows import Row
from guardian.adapters.history.tables import Table
from guardian.adapters.publishing import UnavailableError, pause_s
from guardian.adapters.pulling import Pulled, Puller

FEWEST: Final = 20
MOST: Final = 1_000
"""Messages asked for at once: few at first, and more as long as they are small."""
LARGE: Final = 2_000_000
"""Bytes of messages beyond which fewer are asked for, and that rows are made of at a time."""
LEASE_S: Final = 60
"""Longer than a request to BigQuery and the pause after it; also how late messages come again whose holder
was killed."""
ACKNOWLEDGED_AT_ONCE: Final = 500
"""Their names are long, and a request may have half a megabyte."""
TELL_EVERY_S: Final = 10.0
"""An outage must not fill the log."""

HistoryRow = tuple[Table, Row]
_Waiting = dict[str, list[tuple[Pulled, Row]]]

log = structlog.get_logger()


class EventHistoryStatus(msgspec.Struct):
    """Since the start, except `held` and `held_bytes`: messages that are ours now.

    written: rows that are there. unusable: of these, rows that say that a message was no event. refused: rows
    that BigQuery does not take, and whose reason is there instead. failed: requests; each is made again.
    turned: when it last went round, or asked for something, monotonic seconds. away: since when nothing can
    be pulled or written, monotonic seconds; 0: it can.
    """

    pulled: int = 0
    written: int = 0
    unusable: int = 0
    refused: int = 0
    failed: int = 0
    held: int = 0
    held_bytes: int = 0
    turned: float = 0.0
    away: float = 0.0


class EventHistory:
    """Writes down what comes until it is told to stop. `run` is one thread's business; `status` anybody's."""

    def __init__(
        self,
        puller: Puller,
        writer: BigQueryWriter,
        row_of: Callable[[Pulled], HistoryRow | None],
        stream: str,
        *,
        unusable: Table,
        lease_s: int = LEASE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """writer: makes one attempt; how long it is tried is decided here. row_of: a message's row; None:
        nothing is to be written of it. stream: for the log. unusable: the table of rows that are no events.
        """
        self._puller = puller
        self._writer = writer
        self._row_of = row_of
        self._unusable = unusable
        self._lease_s = lease_s
        self._clock = clock
        self._most = FEWEST
        self._told: dict[str, float] = {}
        self._log = log.bind(stream=stream)
        self.status = EventHistoryStatus(turned=clock())

    def run(self, stop: Flag) -> None:
        """Goes on until `stop` is set, and then finishes what is at hand unless it cannot be written now."""
        failures = 0
        status = self.status
        while not stop.is_set():
            status.turned = self._clock()
            try:
                pulled = self._puller.pull(self._most)
            except UnavailableError as error:
                failures += 1
                # It may be that the answer was too long.
                self._most = max(1, self._most // 2)
                self._failed("events_not_pulled", error)
                stop.wait(pause_s(failures))
                continue
            failures = 0
            if not pulled:
                status.away = 0.0
                continue
            size = sum(len(message.data) for message in pulled)
            status.pulled += len(pulled)
            status.held, status.held_bytes = len(pulled), size
            if size > LARGE:
                self._most = max(1, len(pulled) * LARGE // size)
            elif len(pulled) == self._most:
                self._most = min(MOST, self._most * 2)
            self._write(deque(pulled), stop)
            status.held = status.held_bytes = 0

    def _write(self, held: deque[Pulled], stop: Flag) -> None:
        """Writes, and acknowledges what is written, for as long as it takes; gives back the rest."""
        while held:
            part = [held.popleft()]
            size = len(part[0].data)
            # Rows take several times the bytes of their messages.
            while held and size + len(held[0].data) <= LARGE:
                part.append(held.popleft())
                size += len(part[-1].data)
            if not self._write_part(part, held, stop):
                return

    def _write_part(self, part: Sequence[Pulled], others: Collection[Pulled], stop: Flag) -> bool:
        """The same for some of them. others: that wait meanwhile. False: told to stop before it was done."""
        waiting: _Waiting = {}
        tables: dict[str, Table] = {}
        nothing = []
        for message in part:
            row = self._row_of(message)
            if row is None:
                nothing.append(message)
            else:
                tables[row[0].name] = row[0]
                waiting.setdefault(row[0].name, []).append((message, row[1]))
        self._acknowledge(nothing)
        failures = 0
        while True:
            for name in list(waiting):
                try:
                    self._write_table(tables[name], waiting, others)
                except UnavailableError as error:
                    self._failed("history_not_written", error)
            if not waiting:
                self.status.away = 0.0
                return True
            failures += 1
            if stop.wait(pause_s(failures)):
                self._extend([*_messages(waiting), *others], 0)
                return False

    def _write_table(self, table: Table, waiting: _Waiting, others: Collection[Pulled]) -> None:
        """Writes and acknowledges what is for one table. Raises UnavailableError."""

        def before_request() -> None:
            self.status.turned = self._clock()
            self._extend([*_messages(waiting), *others], self._lease_s)

        rows = waiting[table.name]
        written = self._writer.write(table, [row for _, row in rows], before_request)
        del waiting[table.name]
        self.status.written += written.rows
        self.status.refused += written.refused
        if table is self._unusable:
            self.status.unusable += len(rows)
        self._acknowledge([message for message, _ in rows])

    def _acknowledge(self, messages: Sequence[Pulled]) -> None:
        """What cannot be acknowledged comes again, and is written again under the same insert id."""
        handles = [message.handle for message in messages]
        try:
            for first in range(0, len(handles), ACKNOWLEDGED_AT_ONCE):
                self._puller.acknowledge(handles[first : first + ACKNOWLEDGED_AT_ONCE])
        except UnavailableError as error:
            self._failed("events_not_acknowledged", error)

    def _extend(self, messages: Sequence[Pulled], seconds: int) -> None:
        handles = [message.handle for message in messages]
        try:
            for first in range(0, len(handles), ACKNOWLEDGED_AT_ONCE):
                self._puller.extend(handles[first : first + ACKNOWLEDGED_AT_ONCE], seconds)
        except UnavailableError as error:
            self._failed("lease_not_extended", error)

    def _failed(self, what: str, error: Exception) -> None:
        now = self._clock()
        self.status.failed += 1
        if what != "lease_not_extended":
            self.status.away = self.status.away or now
        if now - self._told.get(what, -TELL_EVERY_S) >= TELL_EVERY_S:
            self._told[what] = now
            self._log.warning(what, error=str(error)[:500])


def _messages(waiting: _Waiting) -> list[Pulled]:
    return [message for rows in waiting.values() for message, _ in rows]
