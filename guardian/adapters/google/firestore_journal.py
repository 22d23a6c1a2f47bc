"""A journal of commits in Firestore: a ring of documents, and now and then a checkpoint of everything.

    sites/{site}/parts/{part}                 the checkpoint: its number, its pages, counters and places
    sites/{site}/parts/{part}/pages/{page}    states as of the checkpoint
    sites/{site}/parts/{part}/journal/{slot}  entry n lies in slot n modulo `RING`

Whoever writes entry n replaces what lies in its slot, on the condition that it is still what the writer
has seen there. Of two who write at once one fails, reads what the other has written, and decides again. One
who was away so long that the ring has gone round fails as well, and starts over from the checkpoint. So a
commit is one write, nothing has to be deleted, and nobody can write on top of what they have not read.
"""

from __future__ import annotations

import secrets
from threading import RLock, Thread
from typing import Any, Protocol

import structlog
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import (
    SERVER_TIMESTAMP,
    Client,
    DocumentReference,
    DocumentSnapshot,
    FieldFilter,
    WriteBatch,
)

from guardian.adapters.google.firestore_documents import LARGEST, DocumentTooLargeError, check_size
from guardian.adapters.google.state_journal import (
    Entry,
    JournalView,
    Snapshot,
    decode_entry,
    decode_snapshot,
    encode_entry,
    encode_pages,
    encode_rest,
)

RING = 2_048
"""Slots. Each is written once in so many commits: far below the one write a second that a document takes."""
CHECKPOINT_EVERY = 512
"""Entries between two checkpoints. Several may fail before the ring is full and commits wait for one."""
READ_AHEAD = 64
"""Slots asked for in one request."""
PLACES_KEPT = 4 * RING
"""A worker that has written nothing for so many entries, and has no positions, is forgotten."""
TURNS = 32
"""Entries after which nobody else is thought to be writing."""
TIMEOUT_S = 30.0
PAGE_BYTES = LARGEST - 10_000
LOADS = 10
"""Times loading begins anew because others have made the next checkpoint meanwhile."""

log = structlog.get_logger()


class Billed(Protocol):
    """Where operations are counted."""

    def __call__(self, *, reads: int = 0, writes: int = 0, deletes: int = 0) -> None:
        """So many documents more."""


class FirestoreJournal:
    """Reads and writes the journal of one part of a site. `view` is what it has read.

    All methods but `close` are called while holding `lock`. A checkpoint beside takes it for a moment.
    """

    def __init__(self, client: Client, part: DocumentReference, lock: RLock, billed: Billed) -> None:
        """part: the document of the part. It is read when `sync` is called for the first time."""
        self._client = client
        self._part = part
        self._slots = part.collection("journal")
        self._pages = part.collection("pages")
        self._lock = lock
        self._billed = billed
        self.view = JournalView()
        self._loaded = False
        self._others_wrote = -TURNS
        """Number of the last entry that was not written here."""
        self._times: dict[int, Any] = {}
        """By slot, when it was written last; None: never."""
        self._checkpoint: tuple[int, Any] = 0, None
        """Number of the newest checkpoint that is known of, and when it was written."""
        self._checkpointing: Thread | None = None
        self._mark = secrets.token_hex(4)
        """In the names of pages, so that two workers do not write to the same."""
        self._next_checkpoint = CHECKPOINT_EVERY

    # --- Reading

    def sync(self) -> list[str]:
        """Reads what others have written. Returns the names of the commits read."""
        if not self._loaded:
            self._load()
            self._loaded = True
            return []
        names: list[str] = []
        if not self._read_tail(names, 1):
            self._load()
        return names

    def _load(self) -> None:
        for _ in range(LOADS):
            head = self._part.get(timeout=TIMEOUT_S)
            self._billed(reads=1)
            self._times.clear()
            self._others_wrote = -TURNS
            self._saw_checkpoint(head)
            if head.exists:
                snapshot = self._read_snapshot(head)
                if snapshot is None:
                    continue  # replaced by the next one while it was read
                self.view = JournalView(snapshot)
            else:
                self.view = JournalView()
            if self._read_tail([], READ_AHEAD):
                return
        raise RuntimeError(f"the journal of {self._part.path} is written faster than it can be loaded")

    def _read_snapshot(self, head: DocumentSnapshot[Any]) -> Snapshot | None:
        names: list[str] = head.get("pages")
        pages: dict[str, bytes] = {}
        for first in range(0, len(names), 8):  # a page is nearly a megabyte
            part = [self._pages.document(name) for name in names[first : first + 8]]
            self._billed(reads=len(part))
            for found in self._client.get_all(part, timeout=TIMEOUT_S):
                if not found.exists:
                    return None
                pages[found.id] = found.get("data")
        return decode_snapshot(head.get("number"), (pages[name] for name in names), head.get("rest"))

    def _read_tail(self, names: list[str], at_once: int) -> bool:
        """Reads on to the end. False: what comes next has been overwritten, the ring has gone round."""
        while True:
            first = self.view.number + 1
            found = self._get_slots(first, at_once)
            for number in range(first, first + at_once):
                slot = found.get(number % RING)
                lies_there = slot.get("number") if slot is not None else 0
                if lies_there > number:
                    return False
                self._times[number % RING] = slot.update_time if slot is not None else None
                if slot is None or lies_there < number:
                    for later in range(number + 1, first + at_once):
                        self._remember(later, found.get(later % RING))
                    return True
                entry = decode_entry(slot.get("data"))
                self.view.read(entry)
                self._others_wrote = number
                names.append(entry.name)
            at_once = READ_AHEAD

    def _get_slots(self, first: int, count: int) -> dict[int, DocumentSnapshot[Any]]:
        wanted = [self._slots.document(_slot_id(number % RING)) for number in range(first, first + count)]
        self._billed(reads=count)
        return {int(slot.id): slot for slot in self._client.get_all(wanted, timeout=TIMEOUT_S) if slot.exists}

    # --- Writing

    @property
    def others_turn(self) -> bool:
        """Whether others are writing too, and the last entry is ours."""
        return 0 < self.view.number - self._others_wrote <= TURNS

    def make_room(self, count: int) -> None:
        """Sees to it that the next `count` entries can be written."""
        if count > RING // 4:
            raise DocumentTooLargeError(f"a commit of {count} entries does not fit into the journal")
        for _ in range(LOADS):
            if self.view.number + count - RING > self._checkpoint[0]:
                self.checkpoint()
            elif self._knows(self.view.number + 1, count):
                return
        raise RuntimeError(f"the journal of {self._part.path} is full, or written faster than it can be read")

    def _knows(self, first: int, count: int) -> bool:
        """Whether it is known when the slots of these entries were written; False: others have written on."""
        if all(number % RING in self._times for number in range(first, first + count)):
            return True
        ahead = max(count, READ_AHEAD)
        found = self._get_slots(first, ahead)
        if all(self._remember(number, found.get(number % RING)) for number in range(first, first + ahead)):
            return True
        self.sync()
        return False

    def _remember(self, number: int, slot: DocumentSnapshot[Any] | None) -> bool:
        """Remembers when the slot was written in which entry `number` will lie; False if it lies there."""
        if slot is not None and slot.get("number") >= number:
            return False
        self._times[number % RING] = slot.update_time if slot is not None else None
        return True

    def add(self, batch: WriteBatch, entry: Entry) -> None:
        """Adds the writing of an entry to a batch, on the condition that nobody was faster."""
        document = self._slots.document(_slot_id(entry.number % RING))
        fields = {"number": entry.number, "data": encode_entry(entry), "written": SERVER_TIMESTAMP}
        written = self._times[entry.number % RING]
        if written is None:
            batch.create(document, fields)
        else:
            batch.update(document, fields, option=self._client.write_option(last_update_time=written))

    def wrote(self, entry: Entry, written: Any) -> None:
        """The entry is in its slot since `written`."""
        self._times[entry.number % RING] = written
        self.view.read(entry)

    # --- Checkpoints

    def checkpoint_if_due(self) -> None:
        """Begins a checkpoint beside what goes on, if it is time for one."""
        if self.view.number < self._next_checkpoint:
            return
        if self._checkpointing is not None and self._checkpointing.is_alive():
            return
        self._next_checkpoint = self.view.number + CHECKPOINT_EVERY
        self._checkpointing = Thread(target=self._checkpoint_beside, name="checkpoint", daemon=True)
        self._checkpointing.start()

    def checkpoint(self) -> None:
        """Makes a checkpoint now, unless another worker has made one lately."""
        head = self._part.get(timeout=TIMEOUT_S)
        self._billed(reads=1)
        with self._lock:
            self._saw_checkpoint(head)
            number, written = self._checkpoint
            if self.view.number - number < CHECKPOINT_EVERY // 2:
                return
            snapshot = self.view.snapshot(self.view.number - PLACES_KEPT)
        rest = encode_rest(snapshot.rest)
        check_size(f"counters and positions of {self._part.path}", len(rest))
        batch = self._client.batch()
        names = []
        for page, data in enumerate(encode_pages(snapshot.states, PAGE_BYTES)):
            name = f"{snapshot.number:016d}-{self._mark}-{page:04d}"
            self._pages.document(name).set({"number": snapshot.number, "data": data}, timeout=TIMEOUT_S)
            names.append(name)
        self._billed(writes=len(names) + 1)
        fields = {"number": snapshot.number, "pages": names, "rest": rest, "written": SERVER_TIMESTAMP}
        if written is None:
            batch.create(self._part, fields)
        else:
            batch.update(self._part, fields, option=self._client.write_option(last_update_time=written))
        try:
            (result,) = batch.commit(timeout=TIMEOUT_S)
        except (AlreadyExists, FailedPrecondition, NotFound):
            # Another worker was faster; the next checkpoint clears up.
            head = self._part.get(timeout=TIMEOUT_S)
            self._billed(reads=1)
            with self._lock:
                self._saw_checkpoint(head)
            return
        with self._lock:
            self._checkpoint = snapshot.number, result.update_time
        self._delete_pages_before(snapshot.number)

    def close(self) -> None:
        """Waits until no checkpoint is under way."""
        if self._checkpointing is not None:
            self._checkpointing.join()

    def _checkpoint_beside(self) -> None:
        try:
            self.checkpoint()
        except Exception as error:
            # There is room for more entries, so the next one may do.
            log.warning("checkpoint_failed", error=type(error).__name__)

    def _saw_checkpoint(self, head: DocumentSnapshot[Any]) -> None:
        if head.exists:
            self._checkpoint = head.get("number"), head.update_time
        self._next_checkpoint = max(self._next_checkpoint, self._checkpoint[0] + CHECKPOINT_EVERY)

    def _delete_pages_before(self, number: int) -> None:
        old = self._pages.where(filter=FieldFilter("number", "<", number)).select([])
        found = [page.reference for page in old.stream(timeout=TIMEOUT_S)]
        self._billed(reads=max(1, len(found)), deletes=len(found))
        batch = self._client.batch()
        for page in found:
            batch.delete(page)
        batch.commit(timeout=TIMEOUT_S)


def _slot_id(slot: int) -> str:
    return f"{slot:04d}"
