"""Commits one alert for each line of its input, through the real store, and prints when that was done.

A line is {"id", "at", "site", "severity"}: what the alert is about, its event time (epoch ms), its site and
how severe it is. What is printed is {"id", "alert_id", "committed"}, the last one epoch ms.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject, alert_id
from guardian.engine.plan import Plan
from guardian.ports import StateStore

TYPE = "SYSTEM_CRASH"
FIRESTORE = "firestore"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", help="path of an SQLite file, or `firestore`, where the environment says")
    given = parser.parse_args()
    stores: dict[str, StateStore] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        alert = _alert(asked["id"], asked["site"], asked["at"], Severity(asked["severity"]))
        store = stores.get(alert.site) or stores.setdefault(alert.site, _open(given.store, alert.site))
        store.commit(Plan(alerts={alert.alert_id: alert}))
        done = {"id": asked["id"], "alert_id": alert.alert_id, "committed": time.time() * 1000}
        print(json.dumps(done), flush=True)
    for store in stores.values():
        store.close()


def _open(where: str, site: str) -> StateStore:
    if where != FIRESTORE:
        return SqliteStore(Path(where))
    from google.cloud.firestore import Client

    from guardian.adapters.google.firestore_store import FirestoreStore

    return FirestoreStore(Client(), site, worker="commit-alerts")


def _alert(about: str, site: str, at: int, severity: Severity) -> Alert:
    return Alert(
        alert_id=alert_id(site, TYPE, about, str(at)),
        type=TYPE,
        severity=severity,
        status=Status.CONFIRMED,
        site=site,
        subject=Subject("station", about),
        event_time=at,
        started_at=at,
        ended_at=at,
        detected_at=at,
        evidence={"station_id": about},
        recommended_actions=("Look.",),
        narrative=f"Station {about} has crashed.",
        detector=DetectorRef(TYPE, 1),
    )


if __name__ == "__main__":
    main()
