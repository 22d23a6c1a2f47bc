"""The state store of the cloud shape: Firestore, with any number of writers."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from threading import Lock
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
    Increment,
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
    STATES,
    WORKERS,
    Kind,
    Write,
    batches,
    groups,
)
from guardian.adapters.google.firestore_documents import (
    NARRATIVE_BY,
    document_id,
    history_row,
    new_alert_fields,
    rejected_record,
    state_id,
    stored_alert,
    stored_state,
)
from guardian.alerts.model import Alert
from guardian.engine.plan import HistoryRow, Plan
from guardian.events.model import Rejected
from guardian.ports import Conflict, OutboxRow, StoredAlert, StoredState

TIMEOUT_S = 30.0
"""Seconds after which a request is given up."""
READ_AT_ONCE = 300
"""Documents asked for in one request."""
REMEMBERED = 50_000
"""States whose update times are remembered, and alerts known to exist."""
ATTEMPTS = 5
"""Times a batch is sent again that was refused although every version is right."""
RETRY_S = 0.02
"""Seconds before the first of those; twice as long before each one after."""

_Key = tuple[str, str]
_K = TypeVar("_K")
_V = TypeVar("_V")
_T = TypeVar("_T")

_encode_alert = msgspec.json.Encoder().encode
_decode_alert = msgspec.json.Decoder(Alert).decode


class FirestoreStore:
    """A `StateStore` and `Outbox` below `sites/{site}` of a Firestore database.

    worker: names who writes. Watermark and positions are those of the worker; counters are kept by worker
    and summed up when they are read. Two stores at a time should not share a name: a document takes about
    one write a second for long.

    Any number of stores may write. Each state is guarded by the update time of its document as this store has
    last seen it; what it has not seen, or no longer remembers, is read again before it is written. A plan of
    up to 400 writes and 3.5 MB is committed whole or not at all. A larger one is checked as a whole and then
    committed in parts, so that after a crash or a `Conflict` in between, deciding the same events again gives
    what is missing (events need ids for that); see docs/decisions/2026-11-21-firestore.md.

    May be called from several threads at a time. The client is the caller's: `close` leaves it open.

    reads, writes, deletes: documents so far, as they are billed except for free repetitions.
    """

    def __init__(self, client: Client, site: str, *, worker: str = "main") -> None:
        self._client = client
        self._site: DocumentReference = client.collection("sites").document(document_id(site))
        self._worker = document_id(worker)
        self._lock = Lock()
        self._seen: OrderedDict[_Key, tuple[int, Any]] = OrderedDict()
        """Version and update time of states, those used last at the end."""
        self._alerts: OrderedDict[str, None] = OrderedDict()
        """Ids of alerts that exist."""
        self._arrival = 0
        self.reads = 0
        self.writes = 0
        self.deletes = 0

    # --- States

    def load(self, detector: str, key: str) -> StoredState | None:
        """One state, or None."""
        return self.load_many([(detector, key)]).get((detector, key))

    def load_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredState]:
        """Those of the states that exist."""
        return {key: stored_state(found.to_dict() or {}) for key, found in self._read_states(keys)}

    def keys(self, detector: str, most: int) -> list[str] | None:
        """None: others may write at any time, so nobody can go by a list."""
        return None

    def due(self, until: int) -> list[tuple[str, str]]:
        """(detector, key) of every state whose wake-up is at `until` or before, the earliest first."""
        query = self._of(STATES).where(filter=FieldFilter("wake", "<=", until)).order_by("wake")
        return [_key_of(found) for found in self._run(query.select(["detector", "key"]))]

    def commit(self, plan: Plan) -> None:
        """Writes the whole plan or, raising `Conflict`, nothing of it; a plan larger than one batch in parts.

        Raises DocumentTooLargeError, before anything is written, if something does not fit into a document.
        """
        looked_at = [(write.detector, write.key) for write in plan.states]
        looked_at += [(detector, key) for detector, key, _ in plan.unchanged]
        if len(set(looked_at)) < len(looked_at):
            raise ValueError("a plan may hold each state only once")
        worker = self._worker_fields(plan)
        if not (worker or plan.states or plan.alerts or plan.history or plan.rejected or plan.failures):
            return
        encoded = {name: _encode_alert(alert) for name, alert in plan.alerts.items()}
        grouped = groups(plan, self._next_arrival(), encoded)
        if worker:
            grouped.append([(Write(Kind.ADD, WORKERS, self._worker, worker),)])
        parts = batches(grouped)
        if len(parts) > 1:
            # Once the first part is written there is no way back, so find out now what can be found out.
            self._times([write for part in parts for write in part], ask_for_all=True)
        for part in parts:
            self._send(part)

    def sweep(self, watermark: int, caps: Mapping[str, int], limit: int) -> tuple[int, list[tuple[str, str]]]:
        """Deletes at most `limit` states: expired ones without a wake-up, then the longest idle of each
        detector beyond its cap. Returns how many had expired, and the keys dropped for the cap.

        A state that somebody writes meanwhile stays.
        """
        if limit <= 0:
            return 0, []
        expired = len(self._delete(self._expired(watermark).limit(limit)))
        dropped: list[_Key] = []
        # One count tells, nearly always, that no detector can be beyond its cap.
        if caps and self._count(self._of(STATES)) > min(caps.values()):
            for detector, cap in caps.items():
                of_detector = self._of(STATES).where(filter=FieldFilter("detector", "==", detector))
                excess = min(self._count(of_detector) - cap, limit - expired - len(dropped))
                if excess > 0:
                    idlest = of_detector.order_by("expires").select(["detector", "key"]).limit(excess)
                    dropped += self._delete(idlest)
        return expired, dropped

    # --- What else was committed

    def positions(self) -> dict[str, bytes]:
        """Where each input of this worker stands, as of its last commit."""
        return dict(self._worker_document().get("positions", {}))

    def watermark(self) -> bytes:
        """The watermark of this worker's last commit; empty before the first."""
        return bytes(self._worker_document().get("watermark", b""))

    def counters(self) -> dict[str, int]:
        """The sums of all counters ever committed, by any worker."""
        total: Counter[str] = Counter()
        for worker in self._run(self._of(WORKERS).select(["counters"])):
            total.update((worker.to_dict() or {}).get("counters", {}))
        return dict(total)

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
            yield rejected_record(found.to_dict() or {})

    def failures(self) -> Iterator[dict[str, str]]:
        """Every failure (detector, key, event, error), in order of arrival."""
        for found in self._run(self._of(FAILURES).order_by("__name__")):
            yield dict(found.to_dict() or {})

    def close(self) -> None:
        """Nothing to release: the client is the caller's."""

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

    def _send(self, writes: Sequence[Write]) -> None:
        """Commits one batch. Raises Conflict, having written nothing, if a state is of another version."""
        # Results of deletions are not told, so what is deleted goes last.
        writes = sorted(writes, key=_is_absent)
        absent = sum(map(_is_absent, writes))
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(RETRY_S * 2 ** (attempt - 1))
            times = self._times(writes, ask_for_all=attempt > 0)
            alerts = self._existing([write.id for write in writes if write.kind is Kind.ALERT])
            batch = self._client.batch()
            for write in writes:
                self._add(batch, write, times.get(write.key), known=write.id in alerts)
            try:
                results = batch.commit(timeout=TIMEOUT_S)
            except (FailedPrecondition, AlreadyExists, NotFound, Aborted):
                # Somebody was faster, with a state or with a new alert: look at everything, and find out.
                with self._lock:
                    for write in writes:
                        self._seen.pop(write.key, None)
                        self._alerts.pop(write.id, None)
                continue
            self._count_up(writes=len(writes) - absent, deletes=absent)
            with self._lock:
                for write, result in zip(writes, results, strict=False):
                    if write.kind is Kind.STATE:
                        _use(self._seen, write.key, (write.version + 1, result.update_time))
                    elif write.kind is Kind.ALERT:
                        _use(self._alerts, write.id, None)
            return
        raise Conflict([write.key for write in writes if _of_state(write)])

    def _add(self, batch: WriteBatch, write: Write, written: Any, *, known: bool) -> None:
        """Adds a write to a batch, with the precondition it needs.

        written: the update time of a state that exists. known: the alert exists.
        """
        document = self._of(write.collection).document(write.id)
        fields = write.fields
        if write.kind is Kind.PUT:
            batch.set(document, fields)
        elif write.kind is Kind.ADD:
            batch.set(document, fields, merge=True)
        elif write.kind is Kind.ALERT:
            if known:
                ours = {name: fields[name] for name in fields.keys() - new_alert_fields().keys()}
                # With the narrative goes what was said of the one before it.
                batch.update(document, ours | {NARRATIVE_BY: DELETE_FIELD})
            else:
                batch.create(document, fields)
        elif write.version:
            # SAME writes the version that is there: what changes nothing leaves the update time alone.
            batch.update(document, fields, option=self._client.write_option(last_update_time=written))
        elif write.kind is Kind.STATE:
            batch.create(document, fields)
        else:
            batch.delete(document, option=self._client.write_option(exists=False))

    def _times(self, writes: Sequence[Write], *, ask_for_all: bool) -> dict[_Key, Any]:
        """The update times of those states that exist: remembered ones, unless `ask_for_all`, or read.

        Raises Conflict, naming all states of another version, as soon as one is found.
        """
        states = [write for write in writes if _of_state(write)]
        times: dict[_Key, Any] = {}
        unknown = states
        if not ask_for_all:
            with self._lock:
                for write in states:
                    version, written = self._seen.get(write.key, (0, None))
                    if version == write.version and version:
                        times[write.key] = written
            unknown = [write for write in states if write.version and write.key not in times]
        found = {}
        for key, state in self._read_states([write.key for write in unknown], ["version"]):
            found[key] = state.get("version")
            times[key] = state.update_time
        stale = [write.key for write in unknown if found.get(write.key, 0) != write.version]
        if not stale:
            return times
        if not ask_for_all:
            return self._times(writes, ask_for_all=True)
        raise Conflict(stale)

    def _existing(self, ids: Sequence[str]) -> set[str]:
        """Those of the alerts that exist, as far as is known or can be found out."""
        with self._lock:
            existing = {identifier for identifier in ids if identifier in self._alerts}
        for found in self._get(ALERTS, [name for name in ids if name not in existing], ["type"]):
            existing.add(found.id)
        with self._lock:
            for identifier in existing:
                _use(self._alerts, identifier, None)
        return existing

    def _worker_fields(self, plan: Plan) -> dict[str, Any]:
        """What a plan changes in the worker's own document."""
        fields: dict[str, Any] = {}
        if counted := {name: Increment(number) for name, number in plan.counters.items() if number}:
            fields["counters"] = counted
        if plan.positions:
            fields["positions"] = dict(plan.positions)
        if plan.watermark:
            fields["watermark"] = plan.watermark
        return fields

    def _next_arrival(self) -> str:
        """Sorts behind every one before; differs from those of other workers."""
        with self._lock:
            self._arrival = max(time.time_ns(), self._arrival + 1)
            return f"{self._arrival:020d}-{self._worker}"

    # --- Deleting

    def _expired(self, watermark: int) -> Query:
        waits_for_nothing = self._of(STATES).where(filter=FieldFilter("wake", "==", None))
        expired = waits_for_nothing.where(filter=FieldFilter("expires", "<", watermark))
        return expired.order_by("expires").select(["detector", "key"])

    def _delete(self, query: Query) -> list[_Key]:
        """Deletes the states found, except those that somebody has written meanwhile. Their keys."""
        deleted: list[_Key] = []
        for part in _chunks(list(self._run(query)), MOST_WRITES):
            try:
                self._delete_all(part)
                deleted += map(_key_of, part)
            except (FailedPrecondition, NotFound, Aborted):
                for found in part:
                    try:
                        self._delete_all([found])
                        deleted.append(_key_of(found))
                    except (FailedPrecondition, NotFound, Aborted):
                        pass  # it lives, or somebody else has deleted it
        return deleted

    def _delete_all(self, found: Sequence[DocumentSnapshot[Any]]) -> None:
        batch = self._client.batch()
        for state in found:
            option = self._client.write_option(last_update_time=state.update_time)
            batch.delete(state.reference, option=option)
        batch.commit(timeout=TIMEOUT_S)
        self._count_up(deletes=len(found))
        with self._lock:
            for state in found:
                self._seen.pop(_key_of(state), None)

    # --- Reading

    def _of(self, collection: str) -> CollectionReference:
        of: CollectionReference = self._site.collection(collection)
        return of

    def _read_states(
        self, keys: Iterable[_Key], fields: list[str] | None = None
    ) -> Iterator[tuple[_Key, DocumentSnapshot[Any]]]:
        """Those of the states that exist, and remembers when they were written."""
        by_id = {state_id(*key): key for key in keys}
        for found in self._get(STATES, by_id, fields):
            key = by_id[found.id]
            with self._lock:
                _use(self._seen, key, (found.get("version"), found.update_time))
            yield key, found

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

    def _count(self, query: Query | CollectionReference) -> int:
        """How many documents a query finds. Billed as a read for each thousand."""
        counting: Any = query.count()  # its annotation says that it is a class
        ((result,),) = counting.stream(timeout=TIMEOUT_S)
        number = int(result.value)
        self._count_up(reads=1 + number // 1000)
        return number

    def _worker_document(self) -> Mapping[str, Any]:
        for found in self._get(WORKERS, [self._worker], None):
            return found.to_dict() or {}
        return {}

    def _count_up(self, *, reads: int = 0, writes: int = 0, deletes: int = 0) -> None:
        with self._lock:
            self.reads += reads
            self.writes += writes
            self.deletes += deletes


def _is_absent(write: Write) -> bool:
    """Whether this only makes sure that there is no such state."""
    return write.kind is Kind.SAME and not write.version


def _of_state(write: Write) -> bool:
    return write.kind in (Kind.STATE, Kind.SAME)


def _key_of(state: DocumentSnapshot[Any]) -> _Key:
    return state.get("detector"), state.get("key")


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
