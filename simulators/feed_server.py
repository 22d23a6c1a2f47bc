"""A store's TCP feed, played from a recording: newline-delimited JSON, every connection from the start.

The first line is a banner, every further line one event:

    {"service": …, "datasets": […], "events": …, "loop": …, "speed_factor": …, "cycle_seconds": …, …}
    {"dataset": "RFID_data", "sequence": 1, "timestamp": …, "original_timestamp": …, "event": {…}}

Events come merged by their time. `timestamp` is the event's own, `original_timestamp` what was recorded: they
differ from the second round of a looping feed on. A feed that does not loop ends by closing the connection.
"""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec

SERVICE: Final = "project-sentinel-event-stream"
SCHEMA: Final = "newline-delimited JSON objects"
DATASETS: Final = {
    "POS_Transactions": "pos_transactions.jsonl",
    "RFID_data": "rfid_readings.jsonl",
    "Queue_monitor": "queue_monitoring.jsonl",
    "Product_recognism": "product_recognition.jsonl",
    "Current_inventory_data": "inventory_snapshots.jsonl",
}
"""Name of each dataset, in the feed's own spelling, and the file of a recording that holds it."""

_CHUNK: Final = 1 << 16
_ACCEPT_S: Final = 0.2
_JOIN_S: Final = 5.0
_SECONDS: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)([.,]\d+)?(Z|z|[+-]\d\d:?\d\d)?")


class RecordingError(ValueError):
    """A recording that cannot be played; the text names file, line and reason."""


class _Stamp(msgspec.Struct, gc=False):
    timestamp: str | int


class _Recorded(msgspec.Struct, gc=False):
    """time: ms since 1970, where a time without a zone counts as UTC. line: the event as recorded."""

    time: int
    dataset: str
    timestamp: str | int
    line: bytes


class Recording:
    """The events of a recording folder by time; those of the same time in the order of `DATASETS`.

    datasets: those that the folder has a file of. cycle_s: seconds by which the next round of a loop is
    later; whole seconds, so that times keep their fractions, and long enough that rounds do not overlap.
    """

    def __init__(self, folder: str | Path) -> None:
        """Raises RecordingError if there is nothing to play, or a line is no event with a time."""
        self._events: list[_Recorded] = []
        self.datasets: list[str] = []
        for dataset, name in DATASETS.items():
            path = Path(folder) / name
            if path.is_file():
                self.datasets.append(dataset)
                self._events += _recorded(path, dataset)
        if not self._events:
            raise RecordingError(
                f"{folder}: no events; a recording has files such as {', '.join(DATASETS.values())}"
            )
        self._events.sort(key=lambda event: event.time)
        span_ms = self._events[-1].time - self._events[0].time
        self.cycle_s = span_ms // 1000 + 1

    def __len__(self) -> int:
        return len(self._events)

    @property
    def starts_at(self) -> int:
        """Time of the first event, ms since 1970."""
        return self._events[0].time

    def frames(self, *, loop: bool) -> Iterator[tuple[int, bytes]]:
        """(time in ms, line to send without its line feed), without end if it loops."""
        encode, decode = msgspec.json.encode, msgspec.json.decode
        number = 0
        for event in self._events:
            number += 1
            original = encode(event.timestamp)
            yield event.time, _frame(event.dataset, number, original, original, event.line)
        cycle = 0
        while loop:
            cycle += 1
            shift_s = cycle * self.cycle_s
            for event in self._events:
                number += 1
                timestamp = shifted(event.timestamp, shift_s)
                value: dict[str, Any] = decode(event.line)
                value["timestamp"] = timestamp
                if value.get("event_id") is not None:
                    value["event_id"] = f"{value['event_id']}.{cycle}"
                frame = _frame(
                    event.dataset, number, encode(timestamp), encode(event.timestamp), encode(value)
                )
                yield event.time + 1000 * shift_s, frame


class FeedServer:
    """Serves a recording to any number of clients at once.

    A client that reads slowly slows down only itself. `port` is the real port, also if 0 was asked for.
    """

    def __init__(
        self,
        folder: str | Path,
        host: str = "127.0.0.1",
        port: int = 8765,
        speed: float = 1.0,
        loop: bool = False,
    ) -> None:
        """Loads the recording and binds the address; clients are answered once it is started.

        speed: times real time; 0 is as fast as the client reads. Raises RecordingError, ValueError, OSError.
        """
        if not (math.isfinite(speed) and speed >= 0):
            raise ValueError(f"speed must be 0 or more, found {speed}")
        self.recording = Recording(folder)
        self.host = host
        self.speed = speed
        self.loop = loop
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self._listener.settimeout(_ACCEPT_S)
        self.port: int = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serves in a thread of its own, until `stop`."""
        if self._thread is not None:
            raise RuntimeError("this feed server has been started before")
        self._thread = threading.Thread(target=self.serve_forever, name=f"feed-{self.port}", daemon=True)
        self._thread.start()

    def serve_forever(self) -> None:
        """Serves in this thread, until `stop` is called from another one."""
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                break  # closed by stop
            thread = threading.Thread(target=self._serve, args=(client,), name="feed-client", daemon=True)
            with self._lock:
                if self._stopping.is_set():
                    client.close()
                    break
                self._clients[client] = thread
                thread.start()

    def stop(self) -> None:
        """Hangs up on all clients and frees the port. May be called more than once."""
        self._stopping.set()
        self._listener.close()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
        with self._lock:
            clients = list(self._clients.items())
        for client, _ in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for a slow reader
        for _, thread in clients:
            thread.join(_JOIN_S)

    def __enter__(self) -> FeedServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def banner(self) -> dict[str, Any]:
        """The first line of every connection."""
        return {
            "service": SERVICE,
            "datasets": self.recording.datasets,
            "events": len(self.recording),
            "loop": self.loop,
            "speed_factor": self.speed,
            "cycle_seconds": self.recording.cycle_s,
            "schema": SCHEMA,
        }

    def _serve(self, client: socket.socket) -> None:
        try:
            with suppress(OSError):  # the client has gone, or we stop
                self._send_all(client)
                client.shutdown(socket.SHUT_WR)
        finally:
            client.close()
            with self._lock:
                del self._clients[client]

    def _send_all(self, client: socket.socket) -> None:
        waiting = [msgspec.json.encode(self.banner())]
        size = 0
        began = time.monotonic()
        first = self.recording.starts_at
        for at, frame in self.recording.frames(loop=self.loop):
            if self.speed:
                ahead_s = began + (at - first) / 1000 / self.speed - time.monotonic()
                if ahead_s > 0:
                    _send(client, waiting)
                    size = 0
                    if self._stopping.wait(ahead_s):
                        return
            waiting.append(frame)
            size += len(frame)
            if size >= _CHUNK:
                if self._stopping.is_set():
                    return
                _send(client, waiting)
                size = 0
        _send(client, waiting)


def shifted(timestamp: str | int, seconds: int) -> str | int:
    """The same time so many seconds later, written the same way."""
    if isinstance(timestamp, int):
        return timestamp + 1000 * seconds
    if timestamp.isdecimal():
        return str(int(timestamp) + 1000 * seconds)
    moment, rest = timestamp[:19], timestamp[19:]
    later = datetime.fromisoformat(moment) + timedelta(seconds=seconds)
    return later.isoformat(sep=timestamp[10]) + rest


def _recorded(path: Path, dataset: str) -> Iterator[_Recorded]:
    decode = msgspec.json.Decoder(_Stamp).decode
    with path.open("rb") as lines:
        for number, raw in enumerate(lines, start=1):
            line = raw.strip()
            if not line:
                continue
            try:
                timestamp = decode(line).timestamp
                moment = _ms(timestamp)
            except (msgspec.DecodeError, ValueError) as error:
                raise RecordingError(f"{path}, line {number}: {error}") from None
            yield _Recorded(moment, dataset, timestamp, line)


def _ms(timestamp: str | int) -> int:
    """ms since 1970 of ISO-8601 text or epoch ms. Raises ValueError."""
    if isinstance(timestamp, int) or timestamp.isdecimal():
        return int(timestamp)
    match = _SECONDS.fullmatch(timestamp)
    if match is None:
        raise ValueError(f"expected an ISO-8601 time or epoch milliseconds, found {timestamp!r}")
    moment, fraction, zone = match.groups()
    offset = zone.upper().replace("Z", "+00:00") if zone else "+00:00"
    whole = datetime.fromisoformat(moment + offset) - datetime(1970, 1, 1, tzinfo=UTC)
    return whole // timedelta(milliseconds=1) + (int(f"{fraction[1:]}000"[:3]) if fraction else 0)


def _frame(dataset: str, sequence: int, timestamp: bytes, original: bytes, event: bytes) -> bytes:
    head = b'{"dataset":"%b","sequence":%d,"timestamp":%b,"original_timestamp":%b,"event":%b}'
    return head % (dataset.encode(), sequence, timestamp, original, event)


def _send(client: socket.socket, waiting: list[bytes]) -> None:
    """Sends the waiting lines and empties the list. Blocks for as long as the client does not read."""
    if waiting:
        client.sendall(b"\n".join(waiting) + b"\n")
        waiting.clear()
