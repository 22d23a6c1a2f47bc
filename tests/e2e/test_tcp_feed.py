"""The store's TCP feed against real servers that hang up, restart, change their data and send garbage."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from guardian.adapters.embedded.lines import MAX_LINE_BYTES
from guardian.adapters.embedded.tcp_feed import FeedStatus, TcpFeedSource
from guardian.engine.plan import Batch
from guardian.events.model import Event, Rejected
from simulators.feed_server import FeedServer
from tests.unit.adapters.recorded import START, new_decoder, value, write

WAIT_S = 30.0
GARBAGE = b"\xff garbage"


def banner(**more: object) -> bytes:
    return json.dumps({"service": "feed", "datasets": ["Queue_monitor"], "cycle_seconds": 9} | more).encode()


def frame(sequence: int | None, at: int | None = None, **more: object) -> bytes:
    """A frame whose event happened `at` ms after START: if not given, as many as its sequence."""
    document: dict[str, Any] = {"dataset": "Queue_monitor", "sequence": sequence} | more
    document["event"] = json.loads(value(at if at is not None else sequence or 0))
    if sequence is None:
        del document["sequence"]
    return json.dumps(document).encode()


def frames(first: int, last: int) -> list[bytes]:
    return [frame(sequence) for sequence in range(first, last + 1)]


def text(*lines: bytes, head: bytes | None = None) -> bytes:
    return b"".join(line + b"\n" for line in (head if head is not None else banner(), *lines))


class Server:
    """Sends every connection what is written for it: chunks, each sent at once, and functions, called.

    The connection is closed after them, unless the last is HOLD. Further connections get the last script.
    """

    def __init__(self, *scripts: Sequence[bytes | Callable[[], object]], port: int = 0) -> None:
        self.scripts = list(scripts)
        self.connections = 0
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            with client:
                client.settimeout(0.1)
                for step in script:
                    if isinstance(step, bytes):
                        self._send(client, step)
                    elif step is HOLD:
                        self._hold(client)
                    else:
                        step()

    def _hold(self, client: socket.socket) -> None:
        while not self._stop.is_set():
            try:
                if not client.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def _send(self, client: socket.socket, data: bytes) -> None:
        left = memoryview(data)
        while left and not self._stop.is_set():
            try:
                left = left[client.send(left) :]
            except TimeoutError:
                continue
            except OSError:
                return


def HOLD() -> None:
    """In a script: keeps the connection open until the client closes it or the server is stopped."""


class Client:
    """A source, and everything it has given."""

    def __init__(self, port: int, positions: dict[str, bytes] | None = None, **options: Any) -> None:
        options = {"first_delay_s": 0.001, "longest_delay_s": 0.01} | options
        self.source = TcpFeedSource("127.0.0.1", port, new_decoder(), **options)
        self.positions = dict(positions or {})
        self.events: list[Event] = []
        self.rejected: list[Rejected] = []
        self.source.resume(self.positions)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.close()

    @property
    def times(self) -> list[int]:
        return [event.time - START for event in self.events]

    @property
    def status(self) -> FeedStatus:
        return self.source.status()

    def poll(self, most: int = 1_000, wait_s: float = 0.01) -> Batch:
        batch = self.source.poll(most, wait_s)
        assert batch is not None
        assert len(batch.events) + len(batch.rejected) <= most
        self.events += batch.events
        self.rejected += batch.rejected
        self.positions |= batch.positions
        return batch

    def until(self, condition: Callable[[], bool], most: int = 1_000) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, (self.status, len(self.events), len(self.rejected))
            self.poll(most)

    def until_count(self, events: int, rejected: int = 0, most: int = 1_000) -> None:
        self.until(lambda: len(self.events) >= events and len(self.rejected) >= rejected, most)


def test_events_come_with_their_sequence() -> None:
    with Server([text(*frames(1, 3)), HOLD]) as server, Client(server.port) as client:
        client.until_count(3)
        assert client.times == [1, 2, 3]
        assert [event.position for event in client.events] == [1, 2, 3]
        assert client.events[0].raw == value(1)
        assert client.events[0].source.startswith(f"tcp://127.0.0.1:{server.port}/")
        status = client.status
        assert status.connected
        assert (status.sequence, status.reconnects, status.waiting, status.gaps) == (3, 0, 0, 0)


def test_a_broken_connection_goes_on_where_it_was() -> None:
    part = text(*frames(1, 5))
    with (
        Server([part[:-10]], [part[:300]], [text(*frames(1, 9)), HOLD]) as server,
        Client(server.port) as client,
    ):
        client.until_count(9)
        assert client.times == list(range(1, 10))
        status = client.status
        assert status.reconnects == 2
        assert status.last_error == "closed by the server"
        assert status.repeated >= 4
        assert (status.gaps, status.unnumbered) == (0, 0)
        assert not client.rejected


@pytest.mark.parametrize("most", [1, 7, 1_000])
def test_a_client_that_was_killed_goes_on_where_it_committed(most: int) -> None:
    lines = [*frames(1, 10), GARBAGE, GARBAGE, *frames(11, 20), GARBAGE]
    times: list[int] = []
    rejected: list[str] = []
    positions: dict[str, bytes] = {}
    with Server([text(*lines), HOLD]) as server:
        while len(times) < 20 or len(rejected) < 3:
            with Client(server.port, positions) as client:
                client.until(lambda: bool(client.events or client.rejected), most)
                times += client.times
                rejected += [f"{one.source}:{one.position}" for one in client.rejected]
                positions = client.positions
    assert times == list(range(1, 21))
    assert [ref.split(" ", 1)[1] for ref in rejected] == ["after 10:1", "after 10:2", "after 20:1"]


def test_other_data_is_another_session() -> None:
    """Even where its sequences are the same: nothing of it is taken for a repetition."""
    with (
        Server([text(*frames(1, 5))], [text(frame(1, at=100), frame(2, at=101)), HOLD]) as server,
        Client(server.port) as client,
    ):
        client.until_count(7)
        assert client.times == [1, 2, 3, 4, 5, 100, 101]
        assert len({event.ref for event in client.events}) == 7
        first, second = {event.source for event in client.events}
        assert first != second


def test_another_banner_is_another_session() -> None:
    changed = text(*frames(1, 2), head=banner(cycle_seconds=10))
    with Server([text(*frames(1, 2))], [changed, HOLD]) as server, Client(server.port) as client:
        client.until_count(4)
        assert client.times == [1, 2, 1, 2]


def test_speed_loop_and_sending_times_make_no_other_session() -> None:
    first = text(frame(1, timestamp="a"), frame(2), head=banner(speed_factor=1, loop=False))
    again = text(frame(1, timestamp="b"), frame(2), frame(3), head=banner(speed_factor=9, loop=True))
    with Server([first], [again, HOLD]) as server, Client(server.port) as client:
        client.until_count(3)
        assert client.times == [1, 2, 3]


def test_the_server_restarted_with_other_data_while_the_client_was_away() -> None:
    with Server([text(*frames(1, 5)), HOLD]) as server:
        port = server.port
        with Client(port) as client:
            client.until_count(5)
    with (
        Server([text(frame(1, at=50)), HOLD], port=port),
        Client(port, client.positions) as later,
    ):
        later.until_count(1)
        assert later.times == [50]


def test_garbage_is_quarantined_once_however_often_it_is_replayed() -> None:
    lines = [
        GARBAGE,
        *frames(1, 2),
        GARBAGE,
        b"",
        b"[]",
        frame(None, at=7),
        frame(3),
        frame(0, at=8),
        GARBAGE,
    ]
    with (
        Server([text(*lines)], [text(*lines)], [text(*lines, frame(4)), HOLD]) as server,
        Client(server.port) as client,
    ):
        client.until(lambda: 4 in client.times)
        assert [time for time in client.times if time != 8] == [1, 2, 3, 4]
        refs = [f"{one.source}:{one.position}" for one in client.rejected]
        assert len(set(refs)) == len(refs)
        assert len(client.events) + len(client.rejected) == 10
        assert client.status.unnumbered == 6
        assert [one.raw for one in client.rejected].count(GARBAGE) == 3


def test_gaps_are_counted_and_not_waited_for() -> None:
    lines = [frame(3), frame(4), frame(9), frame(10)]
    with Server([text(*lines)], [text(*lines, frame(11)), HOLD]) as server, Client(server.port) as client:
        client.until_count(5)
        assert client.times == [3, 4, 9, 10, 11]
        assert (client.status.gaps, client.status.missing) == (2, 6)


def test_one_absurd_sequence_does_not_silence_the_feed() -> None:
    lines = [*frames(1, 3), frame(10**12, at=99), frame(10**30, at=98), frame(-4, at=97), *frames(4, 6)]
    with Server([text(*lines)], [text(*lines, frame(7)), HOLD]) as server, Client(server.port) as client:
        client.until(lambda: 7 in client.times)
        assert [time for time in client.times if time < 90] == [1, 2, 3, 4, 5, 6, 7]
        assert client.status.unnumbered == 3
        assert len(client.events) + len(client.rejected) == 10


def test_lines_that_come_in_pieces() -> None:
    data = text(*frames(1, 3))
    pieces = [data[at : at + 1] for at in range(len(data))]
    with Server([*pieces, HOLD]) as server, Client(server.port) as client:
        client.until_count(3)
        assert client.times == [1, 2, 3]
        assert not client.rejected


@pytest.mark.parametrize("size", [(1 << 20) + 1, MAX_LINE_BYTES + 1])
def test_oversized_lines_are_rejected_once_and_the_rest_goes_on(size: int) -> None:
    data = text(frame(1), b"[" * size, frame(2))
    with Server([data], [data + text(frame(3), head=b"")[1:], HOLD]) as server, Client(server.port) as client:
        client.until_count(3, 1)
        assert client.times == [1, 2, 3]
        (rejected,) = client.rejected
        assert len(rejected.raw) == (size if size <= MAX_LINE_BYTES else 1 << 20)
        assert rejected.position == 1


def test_a_full_queue_holds_back_the_server() -> None:
    sent = threading.Event()
    count = 40_000
    with (
        Server([text(*frames(1, count)), sent.set, HOLD]) as server,
        Client(server.port, max_waiting=50) as client,
    ):
        client.until_count(1, most=1)
        # The rest is more than the system's own buffers hold, so the server cannot have got rid of it.
        assert not sent.is_set()
        assert client.status.waiting <= 50
        client.until_count(count)
        assert client.times == list(range(1, count + 1))
        assert client.status.repeated == 0


def test_a_server_that_is_no_feed_is_told_apart() -> None:
    with (
        Server([b"HTTP/1.1 400 Bad Request\r\n\r\n<html>\r\n"]) as server,
        Client(server.port) as client,
    ):
        client.until(lambda: client.status.reconnects > 2)
        assert "2 lines that are no frames" in (client.status.last_error or "")
        assert not client.rejected


def test_endless_lines_without_a_frame_are_given_up() -> None:
    with Server([b"x\n" * 5_000, HOLD], [text(frame(1)), HOLD]) as server, Client(server.port) as client:
        client.until_count(1)
        assert "no frame among them" in (client.status.last_error or "")


def test_a_silent_connection_is_given_up() -> None:
    with (
        Server([text(frame(1)), HOLD]) as server,
        Client(server.port, read_timeout_s=0.05) as client,
    ):
        client.until_count(1)
        client.until(lambda: client.status.last_error is not None)
        assert client.status.last_error == "silent for 0.05 s"
        assert client.times == [1]


def test_a_server_that_is_not_there_yet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(port) as client:
        client.until(lambda: client.status.last_error is not None)
        assert not client.status.connected
        assert client.status.reconnects == 0
        with Server([text(frame(1)), HOLD], port=port):
            client.until_count(1)


def test_silence_tells_something_once_all_is_known() -> None:
    replayed, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        replayed.set()
        go_on.wait(WAIT_S)

    with (
        Server(
            [text(*frames(1, 5))], [text(*frames(1, 4)), pause, text(frame(5), head=b"")[1:], HOLD]
        ) as server,
        Client(server.port) as client,
    ):
        assert not client.source.live()
        client.until_count(5)
        assert replayed.wait(WAIT_S)
        client.until(lambda: client.status.repeated == 4)
        assert not client.poll().events
        assert not client.source.live()  # silent, but it may be only that the replay is slow
        go_on.set()
        client.until(client.source.live)
        assert client.status.connected
    assert client.times == [1, 2, 3, 4, 5]


def test_a_feed_that_is_over_is_silent_for_good() -> None:
    paused = threading.Event()
    with (
        Server([text(*frames(1, 5))]) as server,
        Client(server.port, wait=lambda _: paused.wait(0.001)) as client,
    ):
        client.until_count(5)
        client.until(client.source.live)
        client.until(lambda: client.status.reconnects > 5)
    with Client(server.port, client.positions) as later:
        later.until(lambda: later.status.last_error is not None)
        assert not later.source.live()  # nobody is there: that is another thing


def test_pauses_grow_while_nothing_new_comes() -> None:
    pauses: list[float] = []
    enough = threading.Event()

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) >= 12:
            enough.set()
            time.sleep(0.01)

    with (
        Server(
            [text(*frames(1, 2))], [text(*frames(1, 2))], [text(*frames(1, 3))], [text(frame(1))]
        ) as server,
        Client(server.port, first_delay_s=0.2, longest_delay_s=30.0, chance=lambda: 1.0, wait=wait),
    ):
        assert enough.wait(WAIT_S)
    assert pauses[:12] == [0.4, 0.8, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0]


@pytest.mark.parametrize("max_waiting", [1, 1_000])
def test_closing_ends_reading_and_waiting(max_waiting: int) -> None:
    with (
        Server([text(*frames(1, 10)), HOLD]) as server,
        Client(server.port, max_waiting=max_waiting) as client,
    ):
        client.until_count(1, most=1)
        client.source.close()
        assert client.source.poll(1, WAIT_S) is None
        names = [thread.name for thread in threading.enumerate()]
        assert f"feed {client.source.name}" not in names


def test_nothing_of_a_record_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    secret = b'{"customer": "Jane Roe"}'
    with (
        Server([text(frame(1), secret, frame(5), secret)], [text(frame(1, at=3)), HOLD]) as server,
        Client(server.port) as client,
    ):
        client.until_count(3, 2)
    shown = "".join(capsys.readouterr())
    assert "feed_gap" in shown
    assert "Jane" not in shown


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    write(tmp_path / "queue_monitoring.jsonl", *(value(at) for at in range(0, 2_000, 2)))
    write(tmp_path / "rfid_readings.jsonl", *(value(at) for at in range(1, 2_000, 2)))
    return tmp_path


def test_the_simulated_store(recording: Path) -> None:
    """Restarted twice at the same address, once while the client was away."""
    with FeedServer(recording, port=0, speed=0) as server:
        port = server.port
        with Client(port) as client:
            client.until_count(1_500, most=100)
    with FeedServer(recording, port=port, speed=1_000, loop=True), Client(port, client.positions) as later:
        later.until_count(4_000)
    times = client.times + later.times
    once = sorted(times)[:2_000]
    assert once == times[:2_000] == list(range(2_000))


@pytest.fixture(scope="module")
def feed() -> Iterator[Server]:
    with Server([b""]) as server:
        yield server


@given(
    kinds=st.lists(st.sampled_from(["frame", "frame", "garbage", "blank", "gap"]), min_size=1, max_size=25),
    cuts=st.lists(st.floats(0, 1), max_size=4),
    kills=st.lists(st.integers(1, 10), max_size=3),
)
@settings(max_examples=30)
def test_every_line_counts_once(feed: Server, kinds: list[str], cuts: list[float], kills: list[int]) -> None:
    lines, sequence, wanted_rejected = [], 0, 0
    wanted: list[int] = []
    for kind in [*kinds, "frame"]:
        if kind == "frame":
            sequence += 1
            wanted.append(sequence)
            lines.append(frame(sequence))
        elif kind == "gap":
            sequence += 3
        else:
            wanted_rejected += kind == "garbage"
            lines.append(GARBAGE if kind == "garbage" else b" ")
    data = text(*lines)
    feed.scripts = [[data[: int(cut * len(data))]] for cut in cuts] + [[data]]
    feed.connections = 0

    times: list[int] = []
    rejected = 0
    positions: dict[str, bytes] = {}
    for most in [*kills, 0]:
        with Client(feed.port, positions) as client:
            left, bad = len(wanted) - len(times), wanted_rejected - rejected
            if most and left + bad:
                client.until(lambda: bool(client.events or client.rejected), most)
            else:
                client.until_count(left, bad)
            times += client.times
            rejected += len(client.rejected)
            positions = client.positions
    assert times == wanted
    assert rejected == wanted_rejected
