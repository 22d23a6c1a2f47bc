"""A process that commits numbered plans until it is killed.

`python -m tests.contract.committer BACKEND FOLDER` writes a line "begin N" before each commit, and "done N"
after it.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject
from guardian.engine.plan import HistoryRow, Plan, StateWrite
from guardian.engine.state import NEVER
from guardian.events.model import Rejected
from tests.contract.backends import BACKENDS

HOT = 200
"""States that every plan replaces; enough that most of the time is spent inside commits."""


def numbered(n: int) -> Plan:
    """Plan n, for n = 1, 2, …: replaces the hot states, one alert and one position, and adds one of each."""
    data = str(n).encode()
    states = [StateWrite("hot", f"k{i}", data, 1000 + n, n, n - 1) for i in range(HOT)]
    states.append(StateWrite("new", f"k{n}", data, NEVER, n, 0))
    return Plan(
        states=states,
        alerts={alert_id: example_alert(alert_id, count=n) for alert_id in ("growing", f"al-{n}")},
        history=[HistoryRow("session", str(n), n, {"n": n})],
        rejected=[Rejected(None, None, "not JSON", "feed", n, data)],
        positions={"feed": data},
        counters=Counter(plans=1, states=len(states)),
        watermark=data,
    )


def example_alert(alert_id: str, *, count: int = 1, event_time: int = 1_700_000_000_000) -> Alert:
    return Alert(
        alert_id=alert_id,
        type="LONG_QUEUE",
        severity=Severity.MEDIUM,
        status=Status.SUSPECTED,
        site="shop-1",
        subject=Subject("station", "SCC1"),
        event_time=event_time,
        started_at=event_time,
        ended_at=event_time + 1000,
        detected_at=event_time + 500,
        count=count,
        evidence={"station_id": "SCC1", "num_of_customers": 7, "event_ids": ["a", "b"], "ratio": 0.25},
        recommended_actions=("Open a station.",),
        narrative="Seven customers – “waiting”.",
        detector=DetectorRef("store.long_queue", 2),
    )


def main(backend: str, folder: str) -> None:
    (made,) = (made for made in BACKENDS if made.__name__ == backend)
    store = made(Path(folder)).open(durable=True)
    n = store.counters().get("plans", 0)
    while True:
        n += 1
        os.write(1, f"begin {n}\n".encode())
        store.commit(numbered(n))
        os.write(1, f"done {n}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
