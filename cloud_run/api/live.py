"""What changes, as it changes, for everybody who watches: one reader of the store, many listeners."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import structlog

from guardian.desk_ports import AlertDesk, AlertWithHandling, CursorError, StoreUnavailableError, User

BATCH: Final = 200
"""Changes read at a time."""
WAITING: Final = 1_000
"""Changes that wait for one listener at most. One who is slower than that is let go, and comes again."""
REMEMBERED: Final = 5_000
"""Alerts as they were last told: those that come again unchanged are not news."""
RETRY_S: Final = 2.0

Scope = tuple[str, ...] | None
"""Sites; None: all."""
Reader = Callable[[Scope], Any]
"""What is there now for these sites, as plain JSON; None: nothing."""

log = structlog.get_logger("api")


class TooManyError(Exception):
    """No more streams at a time."""


class EndedError(Exception):
    """Nothing more will come."""


class Told(msgspec.Struct, frozen=True):
    """An alert that has changed. cursor: where to go on after it; empty: in the middle of a batch."""

    item: AlertWithHandling
    cursor: str


class Regular(msgspec.Struct, frozen=True):
    """Something that is looked at again and again. always: told also when nothing has changed."""

    event: str
    every_s: float
    read: Reader
    always: bool


class Listener:
    """One stream's place. Used by one thread; the reader puts things in."""

    def __init__(self, user: User) -> None:
        self.user = user
        self._ready = threading.Condition()
        self._waiting: deque[Told] = deque()
        self._over = False

    def put(self, told: Told) -> None:
        """From the reader; never waits."""
        with self._ready:
            if len(self._waiting) >= WAITING:
                self._over = True
            else:
                self._waiting.append(told)
            self._ready.notify()

    def end(self) -> None:
        """Nothing more will come."""
        with self._ready:
            self._over = True
            self._ready.notify()

    def next(self, wait_s: float) -> Told | None:
        """The next change, or None after so long. Raises EndedError."""
        with self._ready:
            if not self._waiting and not self._over:
                self._ready.wait(max(0.0, wait_s))
            if self._waiting:
                return self._waiting.popleft()
            if self._over:
                raise EndedError
            return None


class Live:
    """Reads the desk's changes while somebody listens, and hands them round."""

    def __init__(self, desk: AlertDesk, *, streams: int, every_s: float) -> None:
        """streams: at a time. every_s: seconds between two looks at the desk."""
        self._desk = desk
        self._most = streams
        self._every_s = every_s
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._open = 0
        self._wake = threading.Condition(self._lock)
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._cursor = ""
        self._last: dict[str, AlertWithHandling] = {}
        self._regular: list[Regular] = []
        self._snapshots: dict[tuple[str, Scope], tuple[float, bytes | None]] = {}
        self._snapshot_lock = threading.Lock()

    def offer(self, event: str, every_s: float, read: Reader, *, always: bool = False) -> None:
        """Every stream tells this too, at most every so many seconds, as an event of this name."""
        self._regular.append(Regular(event, every_s, read, always))

    @property
    def regular(self) -> list[Regular]:
        """What was offered."""
        return list(self._regular)

    @property
    def open(self) -> int:
        """Streams that are open."""
        return self._open

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the streams that may be open. Raises TooManyError."""
        with self._lock:
            if self._open >= self._most or self._stopped:
                raise TooManyError
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    @contextmanager
    def listening(self, user: User) -> Iterator[Listener]:
        """A listener for what changes from now on at the user's sites."""
        listener = Listener(user)
        now = "" if self._listeners else self._now()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="changes", daemon=True)
                self._thread.start()
            if not self._listeners:
                self._cursor = now  # nobody has listened: begin anew
            self._listeners.append(listener)
            if self._stopped:
                listener.end()
            self._wake.notify()
        try:
            yield listener
        finally:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

    def missed(self, after: str, user: User) -> Iterator[Told]:
        """What a user has missed since a cursor. Raises CursorError, StoreUnavailableError."""
        while True:
            changes = self._desk.changes(after, user.scope, BATCH)
            yield from _told(changes.items, changes.cursor)
            if changes.cursor == after or not changes.items:
                return
            after = changes.cursor

    def latest(self) -> str:
        """The cursor of now."""
        return self._desk.latest_change()

    @property
    def telling(self) -> bool:
        """Whether everything that changes from now on is told: not before the store has answered once."""
        return self._cursor != ""

    def _now(self) -> str:
        """The cursor of now, or nothing: the reader asks again."""
        try:
            return self._desk.latest_change()
        except StoreUnavailableError:
            return ""

    def snapshot(self, regular: Regular, scope: Scope) -> bytes | None:
        """What is there now, looked at once for all who may see the same."""
        key = regular.event, scope
        with self._snapshot_lock:
            at, content = self._snapshots.get(key, (-regular.every_s, None))
            if time.monotonic() - at >= regular.every_s:
                found = regular.read(scope)
                content = None if found is None else msgspec.json.encode(found)
                self._snapshots = {
                    name: one
                    for name, one in self._snapshots.items()
                    if time.monotonic() - one[0] < 60.0  # of users who have gone
                }
                self._snapshots[key] = time.monotonic(), content
        return content

    def stop(self) -> None:
        """Ends every stream. May be called by a signal handler."""
        self._stopped = True
        for listener in list(self._listeners):
            threading.Thread(target=listener.end, daemon=True).start()

    def _run(self) -> None:
        while not self._stopped:
            with self._lock:
                while not self._listeners and not self._stopped:
                    self._wake.wait(1.0)
            began = time.monotonic()
            try:
                again = self._read()
            except CursorError:
                self._cursor, again = "", True  # the store is another one
            except StoreUnavailableError as error:
                log.warning("changes_not_read", reason=str(error))
                again = False
                time.sleep(RETRY_S)
            except Exception as error:
                log.error("changes_not_read", error=type(error).__name__)
                again = False
                time.sleep(RETRY_S)
            if not again:
                time.sleep(max(0.01, self._every_s - (time.monotonic() - began)))

    def _read(self) -> bool:
        """One look at the desk. True: there may be more at once."""
        with self._lock:
            cursor = self._cursor
        if not cursor:
            cursor = self._desk.latest_change()
            with self._lock:
                self._cursor = cursor
        changes = self._desk.changes(cursor, None, BATCH)
        news = [item for item in changes.items if self._last.get(item.alert.alert_id) != item]
        for item in news:
            self._last.pop(item.alert.alert_id, None)
            self._last[item.alert.alert_id] = item
        while len(self._last) > REMEMBERED:
            del self._last[next(iter(self._last))]
        with self._lock:
            if self._cursor == cursor:
                self._cursor = changes.cursor
            listeners = list(self._listeners)
        for listener in listeners:
            mine = [item for item in news if listener.user.sees(item.alert.site)]
            for told in _told(mine, changes.cursor):
                listener.put(told)
        return changes.cursor != cursor


def _told(items: list[AlertWithHandling], cursor: str) -> Iterator[Told]:
    """Only the last of a batch says where to go on: who leaves in the middle gets all of it again."""
    for number, item in enumerate(items, 1):
        yield Told(item, cursor if number == len(items) else "")
