"""The states of a part of a site, as a journal of commits tells them. In memory only: no I/O.

Each commit appends what it changes as one entry. Whoever has read all entries, or a snapshot and the entries
after it, holds every state. So a commit costs one document, however many states it touches, and loading none.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from guardian.engine.arrivals import Ranges, joined
from guardian.engine.plan import StateRef
from guardian.engine.state import NEVER

Key = tuple[str, str]
"""Detector and key of a state."""


class Held(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A state as it is stored."""

    data: bytes
    version: int
    wake: int
    expires: int


class Change(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a commit does to one state. held: None when it is deleted."""

    detector: str
    key: str
    held: Held | None


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One entry, or one piece of a commit that is larger than an entry may be.

    number: counts all entries from 1. group: the number of the commit's first piece. last: whether this piece
    is the commit's last one, before which nothing of it holds. name: of the commit, unlike any other's.
    """

    number: int
    group: int
    last: bool
    name: str
    worker: str
    changes: list[Change]
    counters: dict[str, int]
    positions: dict[str, bytes]
    watermark: bytes
    arrived: dict[str, list[int]] = {}


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a worker stands. number: of its last entry."""

    number: int
    positions: dict[str, bytes]
    watermark: bytes


class Rest(msgspec.Struct, frozen=True, array_like=True):
    """What a snapshot holds besides the states."""

    counters: dict[str, int]
    places: dict[str, Place]
    arrived: dict[str, Ranges] = {}


class Snapshot(msgspec.Struct, frozen=True):
    """Everything as of an entry."""

    number: int
    states: dict[str, dict[str, Held]]
    rest: Rest


class JournalView:
    """What the entries up to `number` add up to."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.number = 0
        self.counters: Counter[str] = Counter()
        self.places: dict[str, Place] = {}
        self.arrived: dict[str, Ranges] = {}
        """By source, the numbers of the records that have arrived."""
        self._states: defaultdict[str, dict[str, Held]] = defaultdict(dict)
        self._unfinished: list[Entry] = []
        """Pieces of a commit whose last piece has not come."""
        self._wakes, self._ends = _Calendar(), _Calendar()
        if snapshot is not None:
            self.number = snapshot.number
            self.counters.update(snapshot.rest.counters)
            self.places.update(snapshot.rest.places)
            self.arrived.update(snapshot.rest.arrived)
            for detector, states in snapshot.states.items():
                for key, held in states.items():
                    self._change(detector, key, held)

    def read(self, entry: Entry) -> None:
        """Takes the next entry in. Raises ValueError if it is another one."""
        if entry.number != self.number + 1:
            raise ValueError(f"entry {entry.number} does not follow {self.number}")
        self.number = entry.number
        if self._unfinished and self._unfinished[0].group != entry.group:
            self._unfinished.clear()  # whoever began that commit has died, or begun again
        self._unfinished.append(entry)
        if not entry.last:
            return
        pieces, self._unfinished = self._unfinished, []
        if pieces[0].number != entry.group:
            return  # the rest of a commit whose beginning did not get in
        for piece in pieces:
            self.counters.update(piece.counters)
            self.arrived = joined(self.arrived, piece.arrived)
            for change in piece.changes:
                self._change(change.detector, change.key, change.held)
            if piece.positions or piece.watermark:
                before = self.places.get(piece.worker, Place(0, {}, b""))
                positions = {**before.positions, **piece.positions}
                self.places[piece.worker] = Place(
                    piece.number, positions, piece.watermark or before.watermark
                )

    def get(self, detector: str, key: str) -> Held | None:
        """One state, or None."""
        return self._states[detector].get(key)

    def stale(self, refs: Iterable[StateRef]) -> list[Key]:
        """Those of the states that are of another version (0: that exist)."""
        states = self._states
        return [
            (detector, key)
            for detector, key, version in refs
            if (held.version if (held := states[detector].get(key)) is not None else 0) != version
        ]

    def due(self, until: int) -> list[Key]:
        """States whose wake-up is at `until` or before, the earliest first."""
        return self._wakes.until(min(until, NEVER - 1), self._wake)

    def expired(self, watermark: int) -> list[Key]:
        """States that have expired before `watermark` and wait for nothing, the earliest first."""
        return self._ends.until(watermark - 1, self._end)

    def count(self, detector: str) -> int:
        """How many states a detector has."""
        return len(self._states[detector])

    def idlest(self, detector: str, number: int) -> list[Key]:
        """The states of a detector that expire first."""
        states = self._states[detector]
        return [
            (detector, key) for key in heapq.nsmallest(number, states, key=lambda key: states[key].expires)
        ]

    def snapshot(self, oldest_place: int) -> Snapshot:
        """Everything as it is now, not to be touched by what comes.

        oldest_place: a worker without positions whose last entry is older is left out.
        """
        begun = self._unfinished[0].number - 1 if self._unfinished else self.number
        places = {
            name: place
            for name, place in self.places.items()
            if place.positions or place.number >= oldest_place
        }
        states = {detector: dict(states) for detector, states in self._states.items() if states}
        return Snapshot(begun, states, Rest(dict(self.counters), places, dict(self.arrived)))

    def _change(self, detector: str, key: str, held: Held | None) -> None:
        if held is None:
            self._states[detector].pop(key, None)
            return
        self._states[detector][key] = held
        if held.wake < NEVER:
            self._wakes.note((detector, key), held.wake)
        else:
            self._ends.note((detector, key), held.expires)

    def _wake(self, key: Key) -> int | None:
        held = self._states[key[0]].get(key[1])
        return held.wake if held is not None and held.wake < NEVER else None

    def _end(self, key: Key) -> int | None:
        held = self._states[key[0]].get(key[1])
        return held.expires if held is not None and held.wake >= NEVER else None


class _Calendar:
    """Keys by a time that moves, mostly on: a key stands at the earliest time noted until its turn comes."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, Key]] = []
        self._stands: dict[Key, int] = {}

    def note(self, key: Key, time: int) -> None:
        """The key's time is now this."""
        stands = self._stands.get(key)
        if stands is None or time < stands:
            self._stands[key] = time
            heapq.heappush(self._heap, (time, key))

    def until(self, time: int, time_of: Callable[[Key], int | None]) -> list[Key]:
        """The keys whose time is `time` or before, the earliest first. They stay.

        time_of: the key's time now; None: it has none, and comes back when it is noted again.
        """
        heap, stands = self._heap, self._stands
        found: list[tuple[int, Key]] = []
        while heap and heap[0][0] <= time:
            stood, key = heapq.heappop(heap)
            if stands.get(key) != stood:
                continue  # noted earlier since
            del stands[key]
            now = time_of(key)
            if now is None:
                continue
            if now <= time:
                found.append((now, key))
            else:
                self.note(key, now)
        for now, key in found:
            self.note(key, now)
        return [key for _, key in sorted(found)]


_encode = msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode
_decode_changes = msgspec.msgpack.Decoder(list[Change]).decode
_decode_rest = msgspec.msgpack.Decoder(Rest).decode

_ROOM = 64
"""Bytes that a change takes besides its texts and its data, at most."""


def size_of(change: Change) -> int:
    """How many bytes a change takes in an entry or a page, at most."""
    data = change.held.data if change.held is not None else b""
    return _ROOM + 4 * (len(change.detector) + len(change.key)) + len(data)


def entry_size(entry: Entry) -> int:
    """How many bytes an entry takes, about."""
    arrived = sum(map(len, entry.arrived.values()))
    return 1_000 + sum(map(size_of, entry.changes)) + sum(map(len, entry.positions.values())) + 9 * arrived


def in_pieces(changes: Iterable[Change], most_bytes: int) -> list[list[Change]]:
    """The changes in order, in as many pieces as it takes; at least one, and no change is cut."""
    pieces: list[list[Change]] = [[]]
    room = most_bytes
    for change in changes:
        size = size_of(change)
        if size > room and pieces[-1]:
            pieces.append([])
            room = most_bytes
        pieces[-1].append(change)
        room -= size
    return pieces


def encode_entry(entry: Entry) -> bytes:
    """An entry as bytes."""
    return _encode(entry)


def decode_entry(data: bytes) -> Entry:
    """An entry from bytes. Raises msgspec.MsgspecError."""
    return _decode_entry(data)


def encode_pages(states: Mapping[str, Mapping[str, Held]], most_bytes: int) -> Iterator[bytes]:
    """The states of a snapshot as pages."""
    every = (Change(detector, key, held) for detector, of in states.items() for key, held in of.items())
    for piece in in_pieces(every, most_bytes):
        yield _encode(piece)


def encode_rest(rest: Rest) -> bytes:
    """What a snapshot holds besides the states, as bytes."""
    return _encode(rest)


def decode_rest(data: bytes) -> Rest:
    """What a snapshot holds besides the states, from bytes. Raises msgspec.MsgspecError."""
    return _decode_rest(data)


def decode_snapshot(number: int, pages: Iterable[bytes], rest: bytes) -> Snapshot:
    """A snapshot from its pages. Raises msgspec.MsgspecError."""
    states: defaultdict[str, dict[str, Held]] = defaultdict(dict)
    for page in pages:
        for change in _decode_changes(page):
            if change.held is not None:
                states[change.detector][change.key] = change.held
    return Snapshot(number, states, _decode_rest(rest))
