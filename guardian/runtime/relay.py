"""Alerts from the outbox to a topic, at least once.

What this process commits is handed over (`Relay.committed`) and published from memory, without reading the
store. Everything else is found by a sweep: what a crash or another process has left behind, and what found no
room in memory. A row leaves the outbox once its message has been taken, so whoever dies in between publishes
twice and loses nothing; any number of relays may work on one outbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from threading import Condition, Thread
from typing import Final

import msgspec
import structlog

from guardian.adapters.publishing import Publisher, all_but_refused, pause_s
from guardian.alerts.model import Alert
from guardian.engine.plan import Plan
from guardian.events.topics import FRAUD_ALERTS
from guardian.ports import Outbox, outbox_id
from guardian.runtime.alert_message import alert_message

log = structlog.get_logger()

BATCH: Final = 500
"""Messages in one request at most."""
BATCH_BYTES: Final = 4_000_000
"""Bytes of alerts after which a request takes no more: below any publisher's limit, attributes included."""
REMOVE_AFTER_S: Final = 0.2
"""How long a row that is done may wait for others, to be removed together with them."""
TELL_EVERY_S: Final = 10.0
"""An outage must not fill the log."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Alert).decode


class RelayLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How a relay works.

    most_rows, most_bytes: of alerts in memory; what comes on top is left to the sweep.
    sweep_s: seconds between two looks into the outbox.
    settle_s: a row that a sweep finds may be under way in another process. It is published when it is still
        there so many seconds later.
    page: rows read at once.
    refused_s: seconds until a message that was refused is tried again.
    """

    most_rows: int = 10_000
    most_bytes: int = 64_000_000
    sweep_s: float = 10.0
    settle_s: float = 1.0
    page: int = 1_000
    refused_s: float = 60.0


class _Waiting(msgspec.Struct, eq=False):
    """A row to be published. content: the alert as it is stored; objects may have changed since."""

    id: str
    content: bytes


_Outgoing = tuple[_Waiting, tuple[bytes, dict[str, str]]]


class _GivenUpError(Exception):
    """The time to stop has come before the work was done."""


class _Outage:
    """What goes wrong on one side, as long as it does."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.kind = ""
        """Of the last failure; empty while all is well."""
        self.again_at = 0.0
        """When the next attempt may be made, seconds of the relay's clock."""
        self.failures = 0
        self.told_at = -TELL_EVERY_S


class Relay:
    """Brings the alerts of an outbox to a topic, in a thread of its own.

    `committed`, `sweep_soon` and what can be read may be used by any thread.

    published: messages taken, repetitions included. refused: refusals; a row that is never taken adds one
    with every attempt.
    """

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        zone: tzinfo,
        *,
        topic: str = FRAUD_ALERTS,
        limits: RelayLimits = RelayLimits(),  # noqa: B008
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """zone: of the site, for the times in documents. clock: seconds, monotonic."""
        self._outbox = outbox
        self._publisher = publisher
        self._zone = zone
        self._topic = topic
        self._limits = limits
        self._clock = clock
        self._changed = Condition()
        self._memory: dict[str, _Waiting] = {}
        """By id, those committed last at the end."""
        self._bytes = 0
        """In `_memory`."""
        self._left_out = 0
        """Alerts that found no room since there was room last."""
        self._published: dict[str, None] = {}
        """Rows whose messages have been taken, and that are in the outbox still."""
        self._remove_at = 0.0
        self._sweep_at = clock()
        self._hurry = True
        """There may be much in the outbox: at the start, and after a page that was full."""
        self._seen: dict[str, float] = {}
        """Rows of the last sweep that were left to whoever may be at them, and when they were seen first."""
        self._refused: dict[str, float] = {}
        """Rows that are not taken, and when to try them again."""
        self._publishing = _Outage("publisher")
        self._storing = _Outage("outbox")
        self._stop_at: float | None = None
        self._thread: Thread | None = None
        self.published = 0
        self.refused = 0

    @property
    def alive(self) -> bool:
        """Whether the thread works. If it does not and nobody has stopped it, only a new process helps."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def pending_in_memory(self) -> int:
        """Alerts in memory that have not been published."""
        return len(self._memory)

    @property
    def last_error(self) -> str:
        """The kind of error that keeps the relay from working now; empty while there is none."""
        return self._publishing.kind or self._storing.kind

    # --- Any thread

    def committed(self, plan: Plan) -> None:
        """To be called with every plan once it is committed. Cheap, and waits for nothing out there."""
        if not plan.alerts:
            return
        rows = []
        for alert in plan.alerts.values():
            content = _encode(alert)
            rows.append(_Waiting(outbox_id(alert.alert_id, content), content))
        with self._changed:
            if self._stop_at is not None:
                return
            for row in rows:
                if row.id not in self._refused:
                    self._add(row)
            self._changed.notify()

    def sweep_soon(self) -> None:
        """Looks into the outbox now: for processes that have processor time only now and then."""
        with self._changed:
            self._sweep_at = self._clock()
            self._changed.notify()

    def start(self) -> None:
        """Begins."""
        self._thread = Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def stop(self, within_s: float) -> bool:
        """Publishes what is in memory, for so many seconds at most, and ends.

        False: something is left, which stays in the outbox, or a request is still under way.
        """
        with self._changed:
            self._stop_at = self._clock() + within_s
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(within_s)
        return not (self.alive or self._memory or self._published)

    # --- The relay's thread

    def _run(self) -> None:
        try:
            while not self._finished():
                self.turn()
                with self._changed:
                    if not self._finished() and (wait_s := self._wait_s()) > 0:
                        self._changed.wait(wait_s)
        except BaseException as error:
            log.critical("relay_died", error=type(error).__name__)
            raise

    def turn(self) -> None:
        """Once round: whatever is due of publishing a batch, removing rows, and looking into the outbox."""
        now = self._clock()
        if self._publish_at() <= now:
            with self._outages(self._publishing):
                self._publish()
        if self._removal_at() <= now:
            with self._outages(self._storing):
                self._remove()
        if self._next_sweep_at() <= now:
            with self._outages(self._storing):
                self._remove()
                self._sweep()

    def _finished(self) -> bool:
        if self._stop_at is None:
            return False
        return not (self._memory or self._published) or self._clock() >= self._stop_at

    def _wait_s(self) -> float:
        """Seconds until something is due."""
        due = min(self._publish_at(), self._removal_at(), self._next_sweep_at())
        if self._stop_at is not None:
            due = min(due, self._stop_at)
        return due - self._clock()

    def _publish_at(self) -> float:
        return self._publishing.again_at if self._memory else float("inf")

    def _removal_at(self) -> float:
        if not self._published:
            return float("inf")
        full = self._stop_at is not None or len(self._published) >= BATCH
        return max(self._storing.again_at, 0.0 if full else self._remove_at)

    def _next_sweep_at(self) -> float:
        """Whoever cannot publish, or has enough to publish, need not look for more."""
        if self._stop_at is not None or self._publishing.kind or len(self._memory) >= BATCH:
            return float("inf")
        return max(self._storing.again_at, self._sweep_at)

    @contextmanager
    def _outages(self, outage: _Outage) -> Iterator[None]:
        """What goes wrong out there, of whatever kind, is tried again later, for as long as it takes."""
        try:
            yield
        except _GivenUpError:
            return
        except Exception as error:
            now = self._clock()
            outage.kind = _kind(error)
            outage.failures += 1
            outage.again_at = now + pause_s(outage.failures)
            if now - outage.told_at >= TELL_EVERY_S:
                outage.told_at = now
                log.warning("relay_held_up", side=outage.side, error=outage.kind, failures=outage.failures)
        else:
            outage.kind, outage.failures, outage.again_at = "", 0, 0.0

    # --- Publishing

    def _publish(self) -> None:
        """Publishes the batch that has waited longest, in as many requests as it takes."""
        batch = self._batch()
        messages: list[_Outgoing] = []
        for row in batch:
            try:
                messages.append((row, alert_message(row.id, _decode(row.content), self._zone)))
            except Exception as error:  # whatever is wrong with one alert must not hold up the others
                self._refuse(row, type(error).__name__)
        if not messages:
            return

        def publish(part: Sequence[_Outgoing]) -> None:
            if self._stop_at is not None and self._clock() >= self._stop_at:
                raise _GivenUpError
            self._publisher.publish(self._topic, [message for _, message in part])

        refused = all_but_refused(publish, messages)
        for (row, _), reason in refused:
            self._refuse(row, _kind(reason))
        failed = {id(row) for (row, _), _ in refused}
        self._done([row for row, _ in messages if id(row) not in failed])

    def _batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        with self._changed:
            for row in self._memory.values():
                if batch and (len(batch) >= BATCH or size + len(row.content) > BATCH_BYTES):
                    break
                batch.append(row)
                size += len(row.content)
        return batch

    def _done(self, rows: Sequence[_Waiting]) -> None:
        """These have been taken."""
        self.published += len(rows)
        with self._changed:
            if not self._published:
                self._remove_at = self._clock() + REMOVE_AFTER_S
            for row in rows:
                # One that was committed again meanwhile goes out again: something else may lie in between.
                if self._memory.get(row.id) is row:
                    self._drop(row)
                    self._published[row.id] = None
                    self._refused.pop(row.id, None)
            while len(self._published) > self._limits.most_rows:
                del self._published[next(iter(self._published))]  # goes out again one day
            if not self._memory and self._left_out:
                log.info("relay_has_room_again", left_out=self._left_out)
                self._left_out = 0
                self._sweep_at, self._hurry = self._clock(), True

    def _refuse(self, row: _Waiting, kind: str) -> None:
        """This one is not taken as it is. It stays in the outbox."""
        self.refused += 1
        log.error("alert_refused", alert_id=row.id.rpartition("-")[0], outbox_id=row.id, error=kind)
        with self._changed:
            if self._memory.get(row.id) is row:
                self._drop(row)
            self._refused[row.id] = self._clock() + self._limits.refused_s
            while len(self._refused) > self._limits.most_rows:
                del self._refused[next(iter(self._refused))]

    # --- Memory

    def _add(self, row: _Waiting) -> bool:
        """Takes a row into memory if there is room. To be called with the lock."""
        if (before := self._memory.get(row.id)) is not None:
            self._drop(before)
        self._published.pop(row.id, None)  # its row is a new one
        size = len(row.content)
        if len(self._memory) >= self._limits.most_rows or self._bytes + size > self._limits.most_bytes:
            if not self._left_out:
                log.warning("relay_has_no_room", rows=len(self._memory), bytes=self._bytes)
            self._left_out += 1
            return False
        self._memory[row.id] = row
        self._bytes += size
        return True

    def _drop(self, row: _Waiting) -> None:
        del self._memory[row.id]
        self._bytes -= len(row.content)

    # --- The outbox

    def _remove(self) -> None:
        """Removes the rows whose messages have been taken."""
        while True:
            with self._changed:
                ids = list(self._published)[:BATCH]
            if not ids:
                return
            self._outbox.sent(ids)
            with self._changed:
                for identifier in ids:
                    self._published.pop(identifier, None)

    def _sweep(self) -> None:
        """Takes one page of what others have left behind into memory."""
        limits, now = self._limits, self._clock()
        limit = limits.page + len(self._refused)  # else those that are refused might fill every page
        rows = self._outbox.pending(limit)
        full = len(rows) >= limit
        taken = 0
        seen: dict[str, float] = {}
        for row in rows:
            if (again_at := self._refused.get(row.id)) is not None:
                due = now >= again_at
            else:
                first = self._seen.get(row.id)
                due = first is not None and now - first >= limits.settle_s
            if due:
                taken += self._take(_Waiting(row.id, _encode(row.alert)))
            elif again_at is None and not self._has(row.id):
                seen[row.id] = now if first is None else first
        if taken:
            log.info("alerts_found_in_outbox", number=taken)
        with self._changed:
            if not full:
                there = {row.id for row in rows}
                self._refused = {each: at for each, at in self._refused.items() if each in there}
            self._seen = seen
            if seen and (full or self._hurry):
                self._sweep_at = now + limits.settle_s
            else:
                self._sweep_at = now if full and taken else now + limits.sweep_s
            self._hurry = full

    def _has(self, row_id: str) -> bool:
        return row_id in self._memory or row_id in self._published

    def _take(self, row: _Waiting) -> bool:
        """Takes a row that a sweep has found. False: it is here already, or there is no room."""
        with self._changed:
            return not self._has(row.id) and self._add(row)


def _kind(error: BaseException) -> str:
    """What an error is, without its text, which is somebody else's."""
    return type(error.__cause__ or error).__name__
