"""How long the operator's API takes to answer at a steady rate, beside what the bare server takes.

    python -m benchmarks.api_latency [--rate 200] [--seconds 60]

The store holds a simulated day of a warehouse and of a shop. Requests are due at fixed times, whether or not
earlier ones have been answered, and each is timed from when it was due: a server that stalls is not asked
less. The same is then done with /healthz, which nothing lies behind but the server itself.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import queue
import statistics
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.api_server import ApiServer, add_user, running
from tests.e2e.conftest import command

CONNECTIONS = 32
PATHS = (
    "alerts?limit=50",
    "alerts/{alert}",
    "alerts?workflow=open&order=severity&limit=50",
    "stations",
    "inventory/status?limit=50",
    "alerts/{alert}",
    "status",
    "analytics/dashboard",
)
"""Asked in turn, as somebody does who works through alerts with the other pages open."""


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = folder / "guardian.db"
        _fill(folder, store)
        add_user(store, "ann", "admin")
        with running(store, GUARDIAN_CATALOG=str(folder / "store" / "products_list.csv")) as api:
            token = api.login("ann")
            alerts = [item["alert_id"] for item in _ask(api, "alerts?limit=500", token)["items"]]
            each = itertools.cycle(alerts)
            paths = [f"/api/v1/{path.replace('{alert}', next(each))}" for path in PATHS * len(alerts)]
            print(f"{len(alerts)} alerts, {arguments.rate:.0f} requests/s on {CONNECTIONS} connections")
            # The first of each kind reads files and compiles what later ones find ready.
            _load(api, token, paths, arguments.rate, min(5.0, arguments.seconds))
            found = _load(api, token, paths, arguments.rate, arguments.seconds)
            bare = _load(api, token, ["/healthz"], arguments.rate, arguments.seconds)
        kinds = defaultdict(list)
        for path, took in found:
            kinds[path.split("?")[0].removeprefix("/api/v1/").split("/")[0]].append(took)
        for kind, times in sorted(kinds.items()):
            _print(kind, times)
        everything = _print("all", [took for _, took in found])
        print(
            f"p99 over that of the bare server: {everything / _print('/healthz', [t for _, t in bare]):.1f}"
        )


def _fill(folder: Path, store: Path) -> None:
    for scenario in ("warehouse", "store"):
        subprocess.run(
            command("simulate", scenario, "--out", folder / scenario), check=True, capture_output=True
        )
    days = [folder / scenario for scenario in ("warehouse", "store")]
    subprocess.run(command("replay", *days, "--db", store), check=True, capture_output=True)


def _ask(api: ApiServer, path: str, token: str) -> dict[str, list[dict[str, str]]]:
    answer = api.ask("GET", path, token=token)
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status}")
    return answer.body  # type: ignore[no-any-return]


def _load(
    api: ApiServer, token: str, paths: Sequence[str], rate: float, seconds: float
) -> list[tuple[str, float]]:
    """Path of each request, and seconds from when it was due until it had been answered whole."""
    due: queue.SimpleQueue[tuple[float, str] | None] = queue.SimpleQueue()
    found: list[tuple[str, float]] = []
    failed: list[str] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)
        headers = {"Authorization": f"Bearer {token}"}
        while (item := due.get()) is not None:
            at, path = item
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            found.append((path, time.monotonic() - at))
            if answer.status >= 300:
                failed.append(f"{path}: {answer.status} {content[:200].decode(errors='replace')}")
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    for number, path in zip(range(round(rate * seconds)), itertools.cycle(paths), strict=False):
        at = began + number / rate
        time.sleep(max(0.0, at - time.monotonic()))
        due.put((at, path))
    for _ in threads:
        due.put(None)
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(f"{len(failed)} requests failed, the first: {failed[0]}")
    return found


def _print(name: str, times: list[float]) -> float:
    """The line of one kind of request. The 99th percentile, in milliseconds."""
    parts = statistics.quantiles([took * 1_000 for took in times], n=100)
    print(f"{name:12} {len(times):6}  p50 {parts[49]:7.1f}  p95 {parts[94]:7.1f}  p99 {parts[98]:7.1f} ms")
    return parts[98]


if __name__ == "__main__":
    main()
