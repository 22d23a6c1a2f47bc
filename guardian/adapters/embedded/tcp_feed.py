"""The store's TCP feed: newline-delimited frames that every connection replays from the start.

What identifies a line, so that none counts twice however often the connection breaks:

- a frame: its sequence number within the feed session. Frames up to the highest delivered are dropped.
- a line without a usable sequence (garbage, a frame that lacks it, an oversized line): the sequence
  before it in the connection, and how many such lines came since. A replay repeats both. Counting from
  the last sequence instead of from the first line keeps one stray line from shifting all later ones.

A feed session is one recording as one server plays it. It is recognised by the banner, but for how fast
and how often it plays, and the first frame, but for its time of sending. Lines before the first frame
wait for it: without one it is not known which session they belong to.
"""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog

from guardian.adapters.embedded.lines import LineSplitter, LongLine
from guardian.adapters.embedded.memory_queue import BoundedBuffer, QueueClosed
from guardian.engine.plan import Batch
from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 300.0
"""A feed may well be silent for minutes, and reconnecting replays all of it; dead peers are found by
keep-alive much earlier."""
FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 30.0
MAX_WAITING: Final = 10_000
MAX_WAITING_BYTES: Final = 32 << 20

_CHUNK_BYTES = 64 * 1024
_MAX_LEAP = 1_000_000  # a sequence further ahead than this is a broken one, not a gap
_MAX_SEQUENCE = 2**53
_MAX_HELD = 1_000  # lines before the first frame
_MAX_HELD_BYTES = 4 << 20
_KEEP_ALIVE_S = {"TCP_KEEPIDLE": 30, "TCP_KEEPALIVE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
_JOIN_S = 2.0

_log = structlog.get_logger(__name__)


class FeedStatus(msgspec.Struct, frozen=True):
    """How the feed is, for display.

    reconnects: connections after the first. last_error: why the last one ended, or could not be made.
    session: of which frames are being taken. sequence: the highest taken. waiting: taken, not polled yet.
    repeated: lines of a replay that had been taken before. gaps: places where sequences were left out;
    missing: how many sequences that were. unnumbered: lines without a usable sequence.
    """

    connected: bool
    reconnects: int
    last_error: str | None
    session: str
    sequence: int
    waiting: int
    repeated: int
    gaps: int
    missing: int
    unnumbered: int


class _Position(msgspec.Struct, frozen=True, order=True):
    """after: how many lines without a sequence have come since `sequence`."""

    sequence: int = 0
    after: int = 0


class _Committed(msgspec.Struct, frozen=True):
    fingerprint: str = ""
    sequence: int = 0
    after: int = 0


class _Line(msgspec.Struct, frozen=True):
    """A line on its way to `poll`. position.after is 0 for a frame with a sequence."""

    session: str
    position: _Position
    raw: bytes
    long: LongLine | None


class _Head(msgspec.Struct):
    """As much of a line as decides what to do with it."""

    sequence: int | None = None
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    service: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def is_banner(self) -> bool:
        return self.event is msgspec.UNSET and self.service is not msgspec.UNSET


_decode_head = msgspec.json.Decoder(_Head).decode


class TcpFeedSource:
    """A `Source` of frames from one server, connected to again whenever the connection ends.

    A thread reads, and stops reading while `max_waiting` lines wait: the server then feels it through
    TCP. Sequences left out, and frames without one, are counted and logged, and never stop the feed.
    Events of different sessions have different source names, since their sequences are the same.
    """

    def __init__(
        self,
        host: str,
        port: int,
        decoder: Decoder,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        first_delay_s: float = FIRST_DELAY_S,
        longest_delay_s: float = LONGEST_DELAY_S,
        max_waiting: int = MAX_WAITING,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        chance: Callable[[], float] = random.random,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """read_timeout_s: a connection silent for this long is given up. first_delay_s, longest_delay_s:
        bounds of the pause before connecting again, which doubles as long as nothing new comes.
        chance: 0 to 1, spreads the pauses of many clients. wait: pauses, instead of really waiting.
        """
        self.name = f"tcp://{host}:{port}"
        self._address = host, port
        self._decoder = decoder
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._delays_s = first_delay_s, longest_delay_s
        self._chance = chance
        self._buffer: BoundedBuffer[_Line] = BoundedBuffer(max_waiting, max_waiting_bytes)
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

        # Owned by the reading thread, once it runs.
        self._session = ""
        self._taken = _Position()
        self._new: list[tuple[_Line, int]] = []  # taken, and not handed on yet
        self._connections = 0
        self._connected = False
        self._caught_up = False  # this connection has come as far as any before
        self._over = False
        self._last_error: str | None = None
        self._repeated = self._gaps = self._missing = self._unnumbered = 0

        self._positions: dict[str, bytes] = {}
        self._source_of = ("", self.name)  # session, and the source name of its events

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """See `Source`. Starts to connect."""
        encoded = positions.get(self.name)
        if encoded is not None:
            committed = msgspec.json.decode(encoded, type=_Committed)
            self._session = committed.fingerprint
            self._taken = _Position(committed.sequence, committed.after)
            self._positions = {self.name: encoded}
        self._thread = threading.Thread(target=self._run, name=f"feed {self.name}", daemon=True)
        self._thread.start()

    def poll(self, most: int, wait_s: float) -> Batch | None:
        """See `Source`. A feed never ends by itself: None comes after `close` only."""
        if self._thread is None:
            self.resume({})
        lines = self._buffer.take(most, wait_s)
        if lines is None:
            return None
        batch = Batch([])
        for line in lines:
            record = self._decode(line)
            if isinstance(record, Event):
                batch.events.append(record)
            elif record is not None:
                batch.rejected.append(record)
        if lines:
            last = lines[-1]
            committed = _Committed(last.session, last.position.sequence, last.position.after)
            self._positions = {self.name: msgspec.json.encode(committed)}
        batch.positions = dict(self._positions)
        return batch

    def live(self) -> bool:
        """See `Source`. While what is known is replayed, silence says nothing about now.

        Also true when the feed is over: the server played all of it again, and hung up with nothing new.
        """
        return (self._caught_up or self._over) and not len(self._buffer)

    def status(self) -> FeedStatus:
        """How it is right now."""
        return FeedStatus(
            connected=self._connected,
            reconnects=max(0, self._connections - 1),
            last_error=self._last_error,
            session=self._session,
            sequence=self._taken.sequence,
            waiting=len(self._buffer),
            repeated=self._repeated,
            gaps=self._gaps,
            missing=self._missing,
            unnumbered=self._unnumbered,
        )

    def close(self) -> None:
        """See `Source`. A connection attempt under way ends by itself, at latest with its time-out."""
        self._stopping.set()
        self._buffer.close()
        with self._lock:
            if self._socket is not None:
                _hang_up(self._socket)
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def _decode(self, line: _Line) -> Event | Rejected | None:
        """Lines without a sequence get the identity described above as source and position."""
        position, after = line.position.sequence, line.position.after
        if self._source_of[0] != line.session:
            self._source_of = line.session, f"{self.name}/{line.session[:8]}"
        source = self._source_of[1]
        if after:
            source, position = f"{source} after {position}", after
        if line.long is not None:
            return Rejected(None, None, line.long.reason, source, position, line.raw)
        record = self._decoder.decode_frame(line.raw, source)
        if record is not None and record.position != position:
            return msgspec.structs.replace(record, position=position)
        return record

    # --- the reading thread

    def _run(self) -> None:
        shortest, longest = self._delays_s
        failures = 0
        while not self._stopping.is_set():
            before = self._session, self._taken
            closed = False
            try:
                self._read_connection()
            except _ClosedError as error:
                closed, self._last_error = True, str(error)
            except QueueClosed:
                pass  # we are closing
            except OSError as error:
                self._last_error = str(error) or type(error).__name__
            except Exception as error:  # a defect of ours must not silence the feed
                self._last_error = f"{type(error).__name__}: {error}"
                _log.exception("feed_reader_failed", feed=self.name)
            news = before != (self._session, self._taken)
            self._over = closed and self._caught_up and not news
            self._connected = self._caught_up = False
            if self._stopping.is_set():
                break
            # A feed that ended, or that only repeats what is known, is not asked again at once.
            failures = 1 if news else failures + 1
            ceiling = min(longest, shortest * 2 ** min(failures, 30))
            delay = max(shortest, ceiling * (0.5 + 0.5 * self._chance()))
            _log.info("feed_disconnected", feed=self.name, error=self._last_error, retry_in_s=round(delay, 2))
            self._wait(delay)

    def _read_connection(self) -> None:
        """Reads until the connection ends, which raises OSError."""
        with socket.create_connection(self._address, self._connect_timeout_s) as connection:
            with self._lock:
                if self._stopping.is_set():
                    return
                self._socket = connection
            try:
                connection.settimeout(self._read_timeout_s)
                _keep_alive(connection)
                self._connections += 1
                self._connected = True
                _log.info("feed_connected", feed=self.name)
                self._read_lines(connection)
            finally:
                with self._lock:
                    self._socket = None

    def _read_lines(self, connection: socket.socket) -> None:
        splitter = LineSplitter()
        replay = _Replay(self)
        while not self._stopping.is_set():
            try:
                data = connection.recv(_CHUNK_BYTES)
            except TimeoutError:
                raise TimeoutError(f"silent for {self._read_timeout_s:g} s") from None
            if not data:
                # An unfinished line is no loss: the next connection brings it again, whole.
                raise _ClosedError(replay.complaint or "closed by the server")
            lines, long = splitter.feed(data)
            try:
                for index, line in enumerate(lines):
                    replay.line(line, long.get(index) if long else None)
            finally:  # what counts as taken is handed on, whatever happens
                new, self._new = self._new, []
                self._buffer.put_many(new)

    def _begin(self, session: str) -> None:
        """The connection has shown which session it is."""
        if session == self._session:
            return
        if self._session:
            _log.warning("feed_session_changed", feed=self.name, before=self._session, now=session)
        self._session, self._taken = session, _Position()

    def _take(self, position: _Position, raw: bytes, long: LongLine | None) -> None:
        """Hands a line on, unless it was handed on before."""
        taken = self._taken
        if position.sequence >= taken.sequence:
            self._caught_up = True
        if position <= taken:
            self._repeated += 1
            return
        if position.after:
            self._unnumbered += 1
            if _worth_telling(self._unnumbered):
                _log.warning("feed_lines_without_sequence", feed=self.name, lines=self._unnumbered)
        elif position.sequence > taken.sequence + 1:
            self._gaps += 1
            self._missing += position.sequence - taken.sequence - 1
            if _worth_telling(self._gaps):
                _log.warning(
                    "feed_gap",
                    feed=self.name,
                    first=taken.sequence + 1,
                    last=position.sequence - 1,
                    gaps=self._gaps,
                )
        self._over = False
        self._new.append((_Line(self._session, position, raw, long), len(raw)))
        self._taken = position


class _ClosedError(ConnectionError):
    """The server has ended the connection in good order."""


class _Replay:
    """One connection: numbers its lines, and finds out which session it is."""

    def __init__(self, feed: TcpFeedSource) -> None:
        self._feed = feed
        self._banner = b""
        self._known = False
        self._held: list[tuple[bytes, LongLine | None]] = []
        self._held_bytes = 0
        self._sequence = self._after = 0

    @property
    def complaint(self) -> str | None:
        """What was wrong, if no frame came at all."""
        if self._known or not self._held:
            return None
        return f"closed by the server after {len(self._held)} lines that are no frames: is it a store's feed?"

    def line(self, raw: bytes, long: LongLine | None) -> None:
        if not raw or raw.isspace():
            return
        head = _head(raw) if long is None else None
        if head is not None and head.is_banner:
            if not self._known:
                self._banner = raw
            return
        sequence = self._usable(head)
        if not self._known:
            if sequence is None:
                self._hold(raw, long)
                return
            self._begin(raw)
        self._number(sequence, raw, long)

    def _usable(self, head: _Head | None) -> int | None:
        if head is None or head.sequence is None or not 0 < head.sequence <= _MAX_SEQUENCE:
            return None
        if self._known and head.sequence > self._sequence + _MAX_LEAP:
            return None
        return head.sequence

    def _hold(self, raw: bytes, long: LongLine | None) -> None:
        self._held.append((raw, long))
        self._held_bytes += len(raw)
        if len(self._held) > _MAX_HELD or self._held_bytes > _MAX_HELD_BYTES:
            raise ConnectionError(f"{len(self._held)} lines, and no frame among them: is it a store's feed?")

    def _begin(self, first_frame: bytes) -> None:
        self._known = True
        self._feed._begin(_fingerprint(self._banner, first_frame))
        held, self._held = self._held, []
        for raw, long in held:
            self._number(None, raw, long)

    def _number(self, sequence: int | None, raw: bytes, long: LongLine | None) -> None:
        if sequence is None:
            self._after += 1
            position = _Position(self._sequence, self._after)
        else:
            position = _Position(sequence)
            if sequence > self._sequence:
                self._sequence, self._after = sequence, 0
        self._feed._take(position, raw, long)


def _head(raw: bytes) -> _Head | None:
    try:
        return _decode_head(raw)
    except (ValueError, RecursionError):
        return None


def _fingerprint(banner: bytes, first_frame: bytes) -> str:
    """Of a session. How fast and how often it is played, and when this was sent, make no difference."""
    parts = [_without(banner, ("speed_factor", "loop")), _without(first_frame, ("timestamp",))]
    return hashlib.blake2b(b"\n".join(parts), digest_size=12).hexdigest()


def _without(raw: bytes, fields: tuple[str, ...]) -> bytes:
    """A JSON object in one fixed notation, without some of its fields."""
    try:
        document = msgspec.json.decode(raw, type=dict[str, Any])
        kept = {name: value for name, value in document.items() if name not in fields}
        return msgspec.json.encode(kept, order="deterministic")
    except (ValueError, RecursionError):
        return raw  # no object, or one with a number beyond all range


def _worth_telling(count: int) -> bool:
    """The first, the tenth, the hundredth: a broken feed must not fill the log."""
    return str(count).strip("0") == "1"


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE_S.items():  # not every system has each of them
        option = getattr(socket, name, None)
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _hang_up(connection: socket.socket) -> None:
    """Wakes whoever reads from it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
