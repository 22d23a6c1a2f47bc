"""A state store in memory: the whole port, and nothing shared with whoever reads or writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from guardian.alerts.model import Alert, Workflow
from guardian.engine.plan import HistoryRow, Plan, StateWrite
from guardian.engine.state import NEVER
from guardian.events.model import Rejected
from guardian.ports import Conflict, StoredAlert, StoredState


class MemoryStore:
    """Keeps what it is given as bytes, so that no object is known on both sides.

    before_commit, after_commit, on_load: called at these moments; what they raise comes out of the store.
    """

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], StateWrite] = {}
        self.conflicts = 0
        self.loads = 0
        self.sweeps: list[tuple[int, dict[str, int], int]] = []
        self.failures: list[tuple[str, str, str, str]] = []
        self._history: dict[tuple[str, str], bytes] = {}
        self.before_commit: Callable[[], None] = _nothing
        self.after_commit: Callable[[], None] = _nothing
        self.on_load: Callable[[], None] = _nothing
        self._alerts: dict[str, bytes] = {}
        self._quarantine: list[Rejected] = []
        self._counters: Counter[str] = Counter()
        self._positions: dict[str, bytes] = {}
        self._watermark = b""

    def load(self, detector: str, key: str) -> StoredState | None:
        self.loads += 1
        self.on_load()
        stored = self.states.get((detector, key))
        return None if stored is None else StoredState(stored.data, stored.version, stored.expires)

    def load_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredState]:
        loaded = {key: self.load(*key) for key in keys}
        return {key: stored for key, stored in loaded.items() if stored is not None}

    def keys(self, detector: str, most: int) -> list[str] | None:
        self.on_load()
        keys = [key for name, key in self.states if name == detector]
        return keys if len(keys) <= most else None

    def due(self, until: int) -> list[tuple[str, str]]:
        return [key for key, stored in self.states.items() if stored.wake <= until]

    def commit(self, plan: Plan) -> None:
        self.before_commit()
        looked_at = [(write.detector, write.key, write.version) for write in plan.states] + plan.unchanged
        stale = [
            (detector, key) for detector, key, version in looked_at if version != self._version(detector, key)
        ]
        if stale:
            self.conflicts += 1
            raise Conflict(stale)
        for write in plan.states:
            self.states[write.detector, write.key] = msgspec.structs.replace(write, version=write.version + 1)
        self._alerts |= {name: msgspec.json.encode(alert) for name, alert in plan.alerts.items()}
        self._history |= {
            (row.kind, row.id): msgspec.json.encode((row.time, row.row)) for row in plan.history
        }
        self.failures += [(one.detector, one.key, one.event, one.error) for one in plan.failures]
        self._quarantine += plan.rejected
        self._counters.update(plan.counters)
        self._positions |= plan.positions
        self._watermark = plan.watermark or self._watermark
        self.after_commit()

    def positions(self) -> dict[str, bytes]:
        return dict(self._positions)

    def watermark(self) -> bytes:
        return self._watermark

    def counters(self) -> dict[str, int]:
        return dict(self._counters)

    def sweep(self, watermark: int, caps: Mapping[str, int], limit: int) -> tuple[int, list[tuple[str, str]]]:
        self.sweeps.append((watermark, dict(caps), limit))
        stored = list(self.states.items())
        expired = [key for key, one in stored if one.expires < watermark and one.wake == NEVER][:limit]
        for key in expired:
            del self.states[key]
        dropped: list[tuple[str, str]] = []
        for detector, cap in caps.items():
            idle = sorted((one.expires, key) for key, one in self.states.items() if key[0] == detector)
            dropped += [key for _, key in idle[: max(0, len(idle) - cap)]]
        del dropped[max(0, limit - len(expired)) :]
        for key in dropped:
            del self.states[key]
        return len(expired), dropped

    def alerts(self) -> Iterator[StoredAlert]:
        alerts = [msgspec.json.decode(alert, type=Alert) for alert in self._alerts.values()]
        for alert in sorted(alerts, key=lambda alert: (alert.event_time, alert.alert_id)):
            yield StoredAlert(alert, Workflow.OPEN, "")

    def history(self, kind: str) -> Iterator[HistoryRow]:
        for (one, identifier), kept in sorted(self._history.items()):
            if one == kind:
                time, row = msgspec.json.decode(kept)
                yield HistoryRow(kind, identifier, time, row)

    def quarantine(self) -> Iterator[Rejected]:
        yield from self._quarantine

    def close(self) -> None:
        """Nothing to release."""

    def findings(self) -> tuple[dict[str, bytes], dict[tuple[str, str], bytes]]:
        """All alerts and history, as bytes."""
        return dict(self._alerts), dict(self._history)

    def _version(self, detector: str, key: str) -> int:
        stored = self.states.get((detector, key))
        return 0 if stored is None else stored.version


def _nothing() -> None:
    pass


class Trouble:
    """Something that goes wrong at the n-th call, once."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.calls_left = at
        self.error = error

    def __call__(self) -> None:
        self.calls_left -= 1
        if self.calls_left == 0:
            raise self.error
