"""The state store of the cloud shape: Firestore, with any number of writers."""

from __future__ import annotations

import random
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from threading import RLock
from typing import Any, TypeVar

import msgspec
from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import (
    DELETE_FIELD,
    Client,
    CollectionReference,
    DocumentReference,
    DocumentSnapshot,
    FieldFilter,
    Query,
    WriteBatch,
)

from guardian.adapters.google.firestore_batches import (
    ALERTS,
    FAILURES,
    HISTORY,
    MOST_WRITES,
    OUTBOX,
    QUARANTINE,
    QUARANTINE_PIECES,
    Kind,
    Unit,
    Write,
    batches,
    piece_id,
    units,
)
from guardian.adapters.google.firestore_documents import (
    LARGEST,
    NARRATIVE_BY,
    check_size,
    document_id,
    history_row,
    new_alert_fields,
    rejected_record,
    stored_alert,
)
from guardian.adapters.google.firestore_journal import FirestoreJournal
from guardian.adapters.google.state_journal import Change, Entry, Held, JournalView, in_pieces
from guardian.alerts.model import Alert
from guardian.engine.arrivals import Ranges
from guardian.engine.plan import HistoryRow, Plan
from guardian.events.model import Rejected
from guardian.ports import Conflict, OutboxRow, StoredAlert, StoredState

TIMEOUT_S = 30.0
"""Seconds after which a request is given up."""
READ_AT_ONCE = 300
"""Documents asked for in one request."""
REMEMBERED = 50_000
"""Alerts known to exist that are remembered."""
ATTEMPTS = 50
"""Times a commit is sent again because another worker was faster, with other states."""
RETRY_S = 0.02
"""Seconds before the first of those on average; twice as long before each one after, up to a second."""
LOSSES = 2
"""Conflicts in a row after which a writer makes itself known to the others."""
TURN_S = 0.04
"""Seconds that a writer waits before it writes again, if others are writing too."""
ENTRY_BYTES = LARGEST - 10_000
"""Bytes of states in one entry of the journal at most."""
LOOK_EVERY_S = 1.0
"""How old what is known about deadlines may be: others may have set some."""

PARTS, CORRELATOR = "parts", "correlator"

_K = TypeVar("_K")
_V = TypeVar("_V")
_T = TypeVar("_T")

_LOST_RACE = (FailedPrecondition, AlreadyExists, NotFound, Aborted)
_decode_alert = msgspec.json.Decoder(Alert).decode


class FirestoreStore:
    """A `StateStore` and `Outbox` below `sites/{site}` of a Firestore database.

    part: whose states these are; parts of a site know nothing of each other's states, counters and positions,
    and share alerts, outbox, history and quarantine. worker: names who writes; watermark and positions are
    those of the worker. Two stores at a time should not share a name.

    Any number of stores may write. States are a journal with checkpoints (`firestore_journal`), of which each
    store holds everything in memory: `load` asks nobody, and answers as of what this store has read last.
    When it commits, it has read everything. A plan of up to 400 documents and 3.5 MB is committed whole or
    not at all; of a larger one, the states are: docs/decisions/2026-11-21-firestore-journal.md.

    May be called from several threads at a time. The client is the caller's: `close` leaves it open.

    reads, writes, deletes: documents so far, as they are billed except for free repetitions.
    """

    def __init__(self, client: Client, site: str, *, worker: str = "main", part: str = CORRELATOR) -> None:
        self._client = client
        self._site: DocumentReference = client.collection("sites").document(document_id(site))
        self._worker = worker
        self._lock = RLock()
        self._journal = FirestoreJournal(
            client, self._site.collection(PARTS).document(document_id(part)), self._lock, self._count_up
        )
        self._in_doubt = True
        """Nothing has been read yet, or nobody knows what became of the last commit."""
        self._looked = 0.0
        """When what others have written was read last, by the monotonic clock."""
        self._alerts: OrderedDict[str, None] = OrderedDict()
        """Ids of alerts that exist."""
        self._arrival = 0
        self._mark = secrets.token_hex(8)
        self._empty = Entry(0, 0, True, "", worker, [], {}, {}, b"")
        self._commits = 0
        self._lost = 0
        """Conflicts since the last commit that went through."""
        self.reads = 0
        self.writes = 0
        self.deletes = 0

    # --- States

    def load(self, detector: str, key: str) -> StoredState | None:
        """One state, or None, as of what this store has read last."""
        with self._lock:
            self._be_sure()
            held = self._journal.view.get(detector, key)
        return None if held is None else StoredState(held.data, held.version, held.expires)

    def load_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredState]:
        """Those of the states that exist, as of what this store has read last."""
        found = ((key, self.load(*key)) for key in keys)
        return {key: state for key, state in found if state is not None}

    def keys(self, detector: str, most: int) -> list[str] | None:
        """None: others may write at any time, so nobody can go by a list; and loading costs nothing."""
        return None

    def due(self, until: int) -> list[tuple[str, str]]:
        """(detector, key) of every state whose wake-up is at `until` or before, the earliest first.

        What others have written is in it after a second at most.
        """
        with self._lock:
            self._be_sure(LOOK_EVERY_S)
            return self._journal.view.due(until)

    def commit(self, plan: Plan) -> None:
        """Writes the whole plan or, raising `Conflict`, nothing of it; a plan larger than one batch in parts.

        Raises DocumentTooLargeError, before anything is written, if something does not fit into a document.
        """
        wants = [(write.detector, write.key, write.version) for write in plan.states] + plan.unchanged
        if len({(detector, key) for detector, key, _ in wants}) < len(wants):
            raise ValueError("a plan may hold each state only once")
        counters = {name: number for name, number in plan.counters.items() if number}
        nothing = not (plan.states or counters or plan.positions or plan.watermark)
        if nothing and not (plan.alerts or plan.history or plan.rejected or plan.failures):
            return
        for write in plan.states:
            check_size(f"state of {write.detector}, key {write.key!r}", len(write.data) + len(write.key))
        changes = [
            Change(w.detector, w.key, Held(w.data, w.version + 1, w.wake, w.expires)) for w in plan.states
        ]
        first = Entry(
            0, 0, True, "", self._worker, [], counters, dict(plan.positions), plan.watermark, plan.arrived
        )
        with self._lock:
            try:
                self._append(wants, units(plan, self._next_arrival()), changes, first)
            except Conflict:
                self._lost += 1
                if self._lost % LOSSES == 0:
                    # Whoever is faster each time does not know that we are here. An entry without changes
                    # clashes with nothing, and from then on they let us have our turn.
                    self._append([], [], [], self._empty)
                raise
            self._lost = 0

    def sweep(self, watermark: int, caps: Mapping[str, int], limit: int) -> tuple[int, list[tuple[str, str]]]:
        """Deletes at most `limit` states: expired ones without a wake-up, then the longest idle of each
        detector beyond its cap. Returns how many had expired, and the keys dropped for the cap.
        """
        if limit <= 0:
            return 0, []
        with self._lock:
            self._be_sure(0.0)
            while True:
                view = self._journal.view
                expired = view.expired(watermark)[:limit]
                gone = set(expired)
                dropped: list[tuple[str, str]] = []
                for detector, cap in caps.items():
                    count = view.count(detector) - sum(key[0] == detector for key in gone)
                    excess = min(count - cap, limit - len(expired) - len(dropped))
                    if excess > 0:
                        idlest = view.idlest(detector, excess + len(gone))
                        dropped += [key for key in idlest if key not in gone][:excess]
                if not expired and not dropped:
                    return 0, []
                deleted = [*expired, *dropped]
                held = {key: view.get(*key) for key in deleted}
                wants = [(*key, state.version) for key, state in held.items() if state is not None]
                try:
                    self._append(wants, [], [Change(*key, None) for key in deleted], self._empty)
                except Conflict:
                    continue  # somebody has renewed one of them meanwhile
                return len(expired), dropped

    # --- What else was committed

    def positions(self) -> dict[str, bytes]:
        """Where each input of this worker stands, as of its last commit."""
        with self._lock:
            self._be_sure(0.0)
            place = self._journal.view.places.get(self._worker)
        return {} if place is None else dict(place.positions)

    def watermark(self) -> bytes:
        """The watermark of this worker's last commit; of one that is new, that of whoever wrote last."""
        with self._lock:
            self._be_sure(0.0)
            places = self._journal.view.places
            others = (place for place in places.values() if place.watermark)
            place = places.get(self._worker) or max(others, key=lambda place: place.number, default=None)
        return b"" if place is None else place.watermark

    def arrived(self) -> dict[str, Ranges]:
        """By source, the numbers of all records that any worker of this part has committed, as ranges."""
        with self._lock:
            self._be_sure(0.0)
            return dict(self._journal.view.arrived)

    def counters(self) -> dict[str, int]:
        """The sums of all counters ever committed, by any worker of this part."""
        with self._lock:
            self._be_sure(0.0)
            return dict(self._journal.view.counters)

    def alerts(self) -> Iterator[StoredAlert]:
        """Every alert, by event time and id, as of the moment the iterator is first asked."""
        for found in self._run(self._of(ALERTS).order_by("event_time")):
            yield stored_alert(found.to_dict() or {})

    def history(self, kind: str) -> Iterator[HistoryRow]:
        """Every row of a kind as it was kept last, by id, as of the moment the iterator is first asked."""
        for found in self._run(
            self._of(HISTORY).where(filter=FieldFilter("kind", "==", kind)).order_by("id")
        ):
            yield history_row(found.to_dict() or {})

    def quarantine(self) -> Iterator[Rejected]:
        """Every quarantined record, in order of arrival; between workers as their clocks say."""
        for found in self._run(self._of(QUARANTINE).order_by("__name__")):
            fields = found.to_dict() or {}
            names = [piece_id(found.id, place) for place in range(fields.get("pieces", 0))]
            pieces = {piece.id: piece.get("raw") for piece in self._get(QUARANTINE_PIECES, names, None)}
            yield rejected_record(fields, b"".join(pieces[name] for name in names))

    def failures(self) -> Iterator[dict[str, str]]:
        """Every failure (detector, key, event, error), in order of arrival."""
        for found in self._run(self._of(FAILURES).order_by("__name__")):
            yield dict(found.to_dict() or {})

    def close(self) -> None:
        """Waits until no checkpoint is under way. The client is the caller's."""
        self._journal.close()

    # --- Outbox

    def pending(self, limit: int) -> list[OutboxRow]:
        """Alerts that have not been sent, the oldest first; at most `limit`."""
        found = self._run(self._of(OUTBOX).order_by("written").limit(limit))
        return [OutboxRow(row.id, _decode_alert(row.get("alert"))) for row in found]

    def sent(self, ids: Iterable[str]) -> None:
        """Removes these alerts from the outbox."""
        rows = self._of(OUTBOX)
        for part in _chunks(ids, MOST_WRITES):
            batch = self._client.batch()
            for identifier in part:
                batch.delete(rows.document(identifier))
            batch.commit(timeout=TIMEOUT_S)
            self._count_up(deletes=len(part))

    # --- Writing

    def _be_sure(self, old_s: float | None = None) -> None:
        """Reads what is not known: after doubt, or if what is known is more than `old_s` seconds old."""
        now = time.monotonic()
        if self._in_doubt or (old_s is not None and now - self._looked >= old_s):
            self._journal.sync()
            self._in_doubt = False
            self._looked = now

    def _append(
        self,
        wants: Sequence[tuple[str, str, int]],
        told: Sequence[Unit],
        changes: Sequence[Change],
        first: Entry,
    ) -> None:
        """Commits. Raises Conflict, having written nothing, if a state is not of the version in `wants`.

        first: what the commit's first entry holds besides changes.
        """
        self._be_sure()
        self._commits += 1
        name = f"{self._mark}-{self._commits}"
        pieces = in_pieces(changes, ENTRY_BYTES)
        if self._journal.others_turn:
            # Who has just lost a race has to read and decide again: without this it would lose for ever.
            time.sleep(TURN_S)
            self._be_sure(0.0)
        view = self._check(wants)
        for attempt in range(ATTEMPTS):
            if attempt:
                pause = min(1.0, RETRY_S * 2 ** min(attempt - 1, 10))
                time.sleep(pause * 2 * random.random())  # noqa: S311 - whoever lost should not lose again
            self._journal.make_room(len(pieces))
            view = self._check(wants)
            group = view.number + 1
            entries = [
                msgspec.structs.replace(
                    first if number == 0 else self._empty,
                    number=group + number,
                    group=group,
                    last=number == len(pieces) - 1,
                    name=name,
                    changes=piece,
                )
                for number, piece in enumerate(pieces)
            ]
            parts = batches(told, entries)
            try:
                if len(parts) > 1:
                    # Once the first part is written there is no way back, so find out now.
                    self._be_sure(0.0)
                    if self._check(wants).number + 1 != group:
                        continue
                for part in parts:
                    self._send(*part)
            except _LOST_RACE:
                # Somebody was faster, with an entry or with a new alert: look at everything, and find out.
                for unit in told:
                    for write in unit:
                        self._alerts.pop(write.id, None)
                self._in_doubt = True
                if name in self._journal.sync():
                    break  # it had been written, and the answer was lost
                self._in_doubt = False
                self._check(wants)
                continue
            except BaseException:
                self._in_doubt = True
                raise
            break
        else:
            raise RuntimeError(f"a commit was refused {ATTEMPTS} times: others keep writing")
        self._in_doubt = False
        self._looked = time.monotonic()
        self._journal.checkpoint_if_due()

    def _check(self, wants: Sequence[tuple[str, str, int]]) -> JournalView:
        """Raises Conflict if a state is of another version, as far as this store has read."""
        if stale := self._journal.view.stale(wants):
            self._be_sure(0.0)
            stale = self._journal.view.stale(wants)
        if stale:
            raise Conflict(stale)
        return self._journal.view

    def _send(self, writes: Sequence[Write], entries: Sequence[Entry]) -> None:
        """Commits one batch."""
        alerts = self._existing([write.id for write in writes if write.kind is Kind.ALERT])
        batch = self._client.batch()
        for write in writes:
            self._add(batch, write, known=write.id in alerts)
        for entry in entries:
            self._journal.add(batch, entry)
        results = batch.commit(timeout=TIMEOUT_S)
        self._count_up(writes=len(results))
        for write in writes:
            if write.kind is Kind.ALERT:
                _use(self._alerts, write.id, None)
        for entry, result in zip(entries, results[len(writes) :], strict=True):
            self._journal.wrote(entry, result.update_time)

    def _add(self, batch: WriteBatch, write: Write, *, known: bool) -> None:
        """Adds a write to a batch. known: the alert exists."""
        document = self._of(write.collection).document(write.id)
        if write.kind is Kind.PUT:
            batch.set(document, write.fields)
        elif known:
            ours = {name: write.fields[name] for name in write.fields.keys() - new_alert_fields().keys()}
            # With the narrative goes what was said of the one before it.
            batch.update(document, ours | {NARRATIVE_BY: DELETE_FIELD})
        else:
            batch.create(document, write.fields)

    def _existing(self, ids: Sequence[str]) -> set[str]:
        """Those of the alerts that exist, as far as is known or can be found out."""
        existing = {identifier for identifier in ids if identifier in self._alerts}
        for found in self._get(ALERTS, [name for name in ids if name not in existing], ["type"]):
            existing.add(found.id)
        for identifier in existing:
            _use(self._alerts, identifier, None)
        return existing

    def _next_arrival(self) -> str:
        """Sorts behind every one before; differs from those of other workers."""
        self._arrival = max(time.time_ns(), self._arrival + 1)
        return f"{self._arrival:020d}-{self._mark}"

    # --- Reading

    def _of(self, collection: str) -> CollectionReference:
        of: CollectionReference = self._site.collection(collection)
        return of

    def _get(
        self, collection: str, ids: Iterable[str], fields: list[str] | None
    ) -> Iterator[DocumentSnapshot[Any]]:
        """Those of the documents that exist, in any order."""
        of = self._of(collection)
        for part in _chunks(ids, READ_AT_ONCE):
            self._count_up(reads=len(part))
            references = [of.document(identifier) for identifier in part]
            for found in self._client.get_all(references, field_paths=fields, timeout=TIMEOUT_S):
                if found.exists:
                    yield found

    def _run(self, query: Query | CollectionReference) -> Iterator[DocumentSnapshot[Any]]:
        number = 0
        try:
            for found in query.stream(timeout=TIMEOUT_S):
                number += 1
                yield found
        finally:
            self._count_up(reads=max(1, number))

    def _count_up(self, *, reads: int = 0, writes: int = 0, deletes: int = 0) -> None:
        with self._lock:
            self.reads += reads
            self.writes += writes
            self.deletes += deletes


def _use(known: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    """Remembers, and forgets what has not been used for the longest time."""
    known[key] = value
    known.move_to_end(key)
    if len(known) > REMEMBERED:
        known.popitem(last=False)


def _chunks(items: Iterable[_T], most: int) -> Iterator[list[_T]]:
    rest = iter(items)
    while part := list(islice(rest, most)):
        yield part
