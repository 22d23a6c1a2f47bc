"""Concurrent requests, each with a few events, decided and committed together: one commit for many of them.

A commit costs nearly the same for one event and for hundreds, so whatever arrives within a few milliseconds,
or while the commit before is under way, shares one. Each request is answered after the commit it was in.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition

import msgspec
import structlog

from guardian.engine.plan import Batch, Plan
from guardian.events.model import Event, Rejected
from guardian.events.topics import FRAUD_ALERTS
from guardian.runtime.service import TICK_S
from guardian.runtime.worker import Worker

log = structlog.get_logger()


class BusyError(Exception):
    """As much is waiting as may wait: come back later."""


class StoppedError(Exception):
    """No more requests are taken."""


class NotCommittedError(Exception):
    """The commit failed that the request was in: nothing of it is stored, and it should be sent again."""


class GroupLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are grouped.

    most_records: of one batch. A request is never cut, so one that holds more is a batch of its own.
    most_wait_s: that a request waits for others to share its commit with.
    most_waiting: records that may wait at a time; beyond that, requests are refused.
    redelivery_s: within this time what could not be committed is expected again, so until then silence does
        not mean that nothing happens. What fails again and again holds up deadlines no longer than that.
    """

    most_records: int = 500
    most_wait_s: float = 0.005
    most_waiting: int = 5_000
    redelivery_s: float = 60.0


class Done(msgspec.Struct, frozen=True):
    """A batch that is done. plan: None if it could not be committed. seconds: for deciding and committing."""

    plan: Plan | None
    events: Sequence[Event]
    rejected: Sequence[Rejected]
    requests: int
    seconds: float


class _Request(msgspec.Struct):
    events: Sequence[Event]
    rejected: Sequence[Rejected]
    arrived: float
    answer: Future[None]

    @property
    def size(self) -> int:
        return len(self.events) + len(self.rejected)


class Grouping:
    """Groups requests for a worker, which only the one thread that calls `run` touches.

    `submit`, `ask_tick` and `stop` may be called from any thread.
    """

    def __init__(
        self,
        worker: Worker,
        limits: GroupLimits,
        *,
        idle_after_s: float,
        on_done: Callable[[Done], None] = lambda done: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """idle_after_s: silence after which the clock moves the watermark on. on_done: called with every
        batch and every look at deadlines. clock: seconds, monotonic.
        """
        self._worker = worker
        self._limits = limits
        self._idle_after_s = idle_after_s
        self._on_done = on_done
        self._clock = clock
        self._changed = Condition()
        self._waiting: deque[_Request] = deque()
        self._records = 0
        """In `_waiting`."""
        self._ticks: list[Future[None]] = []
        """Who has asked for a look at the deadlines."""
        self._stopping = False
        self._ended = False
        self._running = False
        self._heard = self._ticked = clock()
        self._failing_since: float | None = None

    @property
    def waiting(self) -> int:
        """Records that wait for their commit to begin."""
        return self._records

    @property
    def running(self) -> bool:
        """Whether requests are taken and worked on."""
        return self._running and not self._stopping

    @property
    def alive(self) -> bool:
        """False once nobody works on requests who should: only a new process helps."""
        return not self._ended or self._stopping

    @property
    def watermark(self) -> int:
        """The worker's watermark, epoch ms."""
        return self._worker.engine.watermark.value

    def submit(self, events: Sequence[Event], rejected: Sequence[Rejected] = ()) -> Future[None]:
        """Hands in a request.

        The future ends with the commit that it is in, and with NotCommittedError if that failed.
        Raises BusyError and StoppedError; then nothing is handed in.
        """
        now = self._clock()
        request = _Request(events, rejected, now, Future())
        limits = self._limits
        with self._changed:
            if self._stopping or self._ended:
                raise StoppedError
            if self._records and self._records + request.size > limits.most_waiting:
                self._heard = max(self._heard, now)  # it will come again
                raise BusyError
            self._waiting.append(request)
            self._records += request.size
            if len(self._waiting) == 1 or self._records >= limits.most_records:
                self._changed.notify()
        return request.answer

    def ask_tick(self) -> Future[None]:
        """Has deadlines looked at now rather than within a second, if the streams are silent.

        The future ends when that is done, with NotCommittedError if it failed. Raises StoppedError.
        """
        answer: Future[None] = Future()
        with self._changed:
            if self._stopping or self._ended:
                raise StoppedError
            self._ticks.append(answer)
            self._changed.notify()
        return answer

    def stop(self) -> None:
        """Takes no more requests; `run` returns once those that wait are done."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def run(self) -> None:
        """Works until `stop`, or until something is raised that is no Exception; then nobody waits on."""
        self._running = True
        try:
            while (taken := self._next()) is not None:
                requests, ticks = taken
                if requests:
                    self._commit(requests)
                self._tick(ticks)
        finally:
            self._running = False
            self._give_up()

    def _next(self) -> tuple[list[_Request], list[Future[None]]] | None:
        """The requests of the next batch, and those who have asked for a tick; neither: it is time for one.

        None: stopped, and nothing is left.
        """
        limits = self._limits
        with self._changed:
            while True:
                now = self._clock()
                tick_in = self._ticked + TICK_S - now
                if self._waiting:
                    wait = self._waiting[0].arrived + limits.most_wait_s - now
                    if self._stopping or self._records >= limits.most_records or wait <= 0:
                        return self._take(), self._take_ticks()
                    if self._ticks:
                        return [], self._take_ticks()
                elif self._ticks:
                    return [], self._take_ticks()
                elif self._stopping:
                    return None
                elif tick_in <= 0:
                    return [], []
                else:
                    wait = tick_in
                self._changed.wait(wait)

    def _take(self) -> list[_Request]:
        taken = [self._waiting.popleft()]
        size = taken[0].size
        while self._waiting and size + self._waiting[0].size <= self._limits.most_records:
            taken.append(self._waiting.popleft())
            size += taken[-1].size
        self._records -= size
        return taken

    def _take_ticks(self) -> list[Future[None]]:
        ticks, self._ticks = self._ticks, []
        return ticks

    def _commit(self, requests: list[_Request]) -> None:
        batch = Batch(
            [event for request in requests for event in request.events],
            [record for request in requests for record in request.rejected],
        )
        batch.arrived = _numbered([*batch.events, *batch.rejected])
        self._do(lambda: self._worker.process(batch), batch, [request.answer for request in requests])

    def _tick(self, asked: list[Future[None]]) -> None:
        """Lets deadlines pass, if it is time or somebody has asked, and the streams are silent."""
        now = self._clock()
        with self._changed:
            silence_s = now - self._heard
            # What waits has been heard already.
            idle = silence_s >= self._idle_after_s and not self._waiting
        if not asked and now - self._ticked < TICK_S:
            return
        self._ticked = now
        if idle:
            self._do(lambda: self._worker.tick(int(silence_s * 1000)), None, asked)
        else:
            _answer(asked, None)

    def _do(self, work: Callable[[], Plan], batch: Batch | None, answers: list[Future[None]]) -> None:
        """Does it, answers those who wait for it, whatever happens, and tells about it."""
        events, rejected = (batch.events, batch.rejected) if batch is not None else ([], [])
        started, plan = self._clock(), None
        error: NotCommittedError | None = NotCommittedError("stopped")
        try:
            plan = work()
            error = None
        except Exception as failure:
            # Only the kind of error: its text may quote what was to be stored.
            error = NotCommittedError(type(failure).__name__)
            log.error(
                "not_committed",
                error=type(failure).__name__,
                requests=len(answers) if batch is not None else 0,
                events=len(events),
                rejected=len(rejected),
            )
        finally:
            now = self._clock()
            if error is not None or _of_streams(batch):
                self._hear(batch is not None, now, failed=error is not None)
            _answer(answers, error)
        try:
            requests = len(answers) if batch is not None else 0
            self._on_done(Done(plan, events, rejected, requests, now - started))
        except Exception as failure:
            log.error("on_done_failed", error=type(failure).__name__)

    def _hear(self, events: bool, now: float, *, failed: bool) -> None:
        """Takes down what a commit says about silence.

        What has failed comes again, and may well be what a deadline waits for. A failed tick says that the
        store is away, and with it everything that was sent meanwhile; a batch that fails while ticks succeed
        may be at fault itself, so only the first in a row counts.
        """
        if not failed:
            self._failing_since = None
        elif self._failing_since is None or not events:
            self._failing_since = now
        since = self._failing_since
        with self._changed:
            self._heard = max(self._heard, now if since is None else since + self._limits.redelivery_s)

    def _give_up(self) -> None:
        """Answers everybody who still waits: nobody will come for them."""
        with self._changed:
            self._ended = True
            waiting, self._waiting, self._records = self._waiting, deque(), 0
            ticks = self._take_ticks()
        _answer([*(request.answer for request in waiting), *ticks], NotCommittedError("stopped"))


def _of_streams(batch: Batch | None) -> bool:
    """Whether something of the streams is in it, and not only alerts that another part, or this one, has
    told: they come while the streams are silent, too."""
    if batch is None:
        return False
    records: list[Event | Rejected] = [*batch.events, *batch.rejected]
    return any(record.topic != FRAUD_ALERTS for record in records)


def _numbered(records: Sequence[Event | Rejected]) -> dict[str, list[int]]:
    """By partition ("topic/3"), the offsets of those records that come from one."""
    arrived: dict[str, list[int]] = {}
    for record in records:
        if record.source.rpartition("/")[2].isdecimal():
            arrived.setdefault(record.source, []).append(record.position)
    return arrived


def _answer(answers: Sequence[Future[None]], error: NotCommittedError | None) -> None:
    for answer in answers:
        if not answer.set_running_or_notify_cancel():
            continue  # whoever asked has given up
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)
