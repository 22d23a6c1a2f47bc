"""What the core asks of the world. Adapters implement these; nothing else of an adapter is known inside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from guardian.alerts.document import AlertDocument
from guardian.alerts.model import Alert, Workflow
from guardian.engine.plan import Batch, HistoryRow, Plan
from guardian.events.model import Rejected
from guardian.qr.keys import KeyRing


class Conflict(Exception):
    """A state was changed by somebody else since it was loaded: reload, decide again."""

    def __init__(self, keys: Iterable[tuple[str, str]]) -> None:
        self.keys = list(keys)
        super().__init__(f"stale states: {self.keys[:5]}")


class StoredState(msgspec.Struct, frozen=True):
    """A state as stored. version: starts at 1, one more with every commit."""

    data: bytes
    version: int
    expires: int


class StoredAlert(msgspec.Struct, frozen=True):
    """An alert and what people have done with it."""

    alert: Alert
    workflow: Workflow
    note: str


class StateStore(Protocol):
    """Keeps states, timers, alerts, quarantine, history, counters and input positions, all in step.

    Where others write too, what a store says of states may be behind what they have written, until the next
    `commit` succeeds or raises `Conflict`.
    """

    def load(self, detector: str, key: str) -> StoredState | None:
        """One state, or None."""

    def load_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredState]:
        """Those of the states that exist."""

    def keys(self, detector: str, most: int) -> list[str] | None:
        """The keys of every state of a detector, for callers who want to know what has none; None when there
        are more than `most`, or when others may write at any time.

        A list holds as long as this store is the only one that writes. Once somebody else has, the next
        `commit` raises `Conflict`, and from then on the caller has to ask for each key.
        """

    def due(self, until: int) -> list[tuple[str, str]]:
        """(detector, key) of every state whose wake-up is at `until` or before."""

    def commit(self, plan: Plan) -> None:
        """Writes the whole plan or, raising `Conflict`, nothing of it.

        A state write with version 0 creates; with version n it replaces version n and stores n + 1. States
        the plan leaves unchanged must still be of the version it says.
        Alerts replace what the machine has said before, and leave alone what people have done.
        """

    def positions(self) -> dict[str, bytes]:
        """Where each input stands, as of the last commit."""

    def watermark(self) -> bytes:
        """The engine's watermark of the last commit; empty before the first."""

    def counters(self) -> dict[str, int]:
        """The sums of all counters ever committed."""

    def sweep(self, watermark: int, caps: Mapping[str, int], limit: int) -> tuple[int, list[tuple[str, str]]]:
        """Deletes at most `limit` states: expired ones without a wake-up, then the longest idle of each
        detector beyond its cap. Returns how many had expired, and the keys dropped for the cap."""

    def alerts(self) -> Iterator[StoredAlert]:
        """Every alert, by event time and id."""

    def history(self, kind: str) -> Iterator[HistoryRow]:
        """Every row of a kind as it was kept last, by id. What is in a row is plain JSON."""

    def quarantine(self) -> Iterator[Rejected]:
        """Every quarantined record, in order of arrival."""

    def close(self) -> None:
        """Releases everything. Committed data stays."""


class OutboxRow(msgspec.Struct, frozen=True):
    """An alert that has still to be told to the world, as it was in one commit. id: see `outbox_id`."""

    id: str
    alert: Alert


class Outbox(Protocol):
    """Alerts on their way out. Every commit that writes an alert puts a row here, or neither is written.

    Rows are delivered at least once: whoever was stopped between telling and `sent` tells again.
    """

    def pending(self, limit: int) -> list[OutboxRow]:
        """Rows that have not been sent, at most `limit`, in the order in which they were last committed."""

    def sent(self, ids: Iterable[str]) -> None:
        """Removes these rows; those that are gone already do not matter."""


def outbox_id(alert_id: str, content: bytes) -> str:
    """The id of the row for an alert with this content (the alert as JSON).

    Deciding the same again gives the same id, so a row is there once, and receivers can tell a repetition.
    """
    return f"{alert_id}-{hashlib.blake2b(content, digest_size=8).hexdigest()}"


class Narrative(msgspec.Struct, frozen=True):
    """A text about an alert, and who wrote it: model, version of the prompt, how sure (low to high)."""

    text: str
    model: str
    prompt_version: str
    confidence: str


class NarrationCode(StrEnum):
    """How an attempt to narrate ended."""

    WRITTEN = "written"
    REFUSED = "refused"
    FAILED = "failed"
    OVER_BUDGET = "over_budget"


class Narration(msgspec.Struct, frozen=True):
    """The outcome of an attempt. narrative: there when it was written. reason: a short code, else empty."""

    code: NarrationCode
    reason: str = ""
    narrative: Narrative | None = None


class Narrator(Protocol):
    """Tells an alert in words."""

    def narrate(self, alert: AlertDocument) -> Narration:
        """Takes bounded time and raises nothing: the alert has its template narrative and can do without."""


class Narratives(Protocol):
    """Where alerts get their narratives."""

    def wanted(self, alert: AlertDocument) -> bool:
        """Whether the stored alert is still this one, and still has its template narrative."""

    def write(self, alert: AlertDocument, narrative: Narrative) -> bool:
        """Puts the narrative in the template's place. False, with nothing written, unless it is `wanted`."""


class Notice(msgspec.Struct, frozen=True):
    """What a channel tells of an alert. key: the same for every attempt to tell the same."""

    key: str
    title: str
    text: str
    alert: AlertDocument


class NotSentError(Exception):
    """A channel could not send. Shows no address and no secret.

    again: whether another attempt makes sense. after_s: seconds the receiver asked us to wait, if it did.
    """

    def __init__(self, reason: str, *, again: bool, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.again = again
        self.after_s = after_s


class Channel(Protocol):
    """A way to tell people: a chat, a mailbox, a program of theirs."""

    def send(self, notice: Notice) -> None:
        """Sends once, in bounded time. Raises NotSentError."""


class NoticeRecords(Protocol):
    """Remembers what has been told, so that nothing is told twice, by any number of senders.

    Who sends claims the key first, and says when it is done. A claim that is neither done nor given back ends
    by itself after a while: a sender that dies in between loses nothing.
    """

    def states(self, site: str, keys: Iterable[str]) -> dict[str, bool]:
        """Of these keys those that are claimed (False) or done (True)."""

    def claim(self, site: str, key: str) -> bool:
        """Whether the caller may send now: nobody else is at it, and it is not done."""

    def done(self, site: str, key: str) -> None:
        """It has been sent."""

    def release(self, site: str, key: str) -> None:
        """It could not be sent: gives the caller's own claim back."""


class KeyStoreError(Exception):
    """The key ring cannot be loaded or saved. Says where and why, and shows nothing of it."""


class KeyStore(Protocol):
    """Keeps the private key ring that product codes are signed with."""

    def load(self) -> KeyRing:
        """The ring as it is stored. Raises KeyStoreError if there is none, or it is not safe where it is."""

    def save(self, ring: KeyRing) -> None:
        """Replaces what this store has loaded last, or creates the ring if it has loaded none.

        All of it or, raising KeyStoreError, nothing: also when somebody else has changed the ring since.
        """


class Source(Protocol):
    """Where events come from."""

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """Called once before the first `poll`: go on after what was committed."""

    def poll(self, most: int, wait_s: float) -> Batch | None:
        """What is waiting: `most` records at most, after at most `wait_s` seconds; empty when nothing is.

        None: there will never be more. The batch's positions tell where this source stands after it.
        """

    def live(self) -> bool:
        """Whether silence means that nothing happens: connected, and caught up."""

    def close(self) -> None:
        """Releases files, sockets, threads."""
