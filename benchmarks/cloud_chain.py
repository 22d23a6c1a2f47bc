"""What the cloud shape does on this machine: throughput, what limits it, latency, documents.

    python -m benchmarks.cloud_chain [--records 12000]

Three measurements, each with all parts of the stack running: a broker, the bridge, both emulators, the
functions and the correlator.

1. A store's and a warehouse's records are put into Kafka as fast as it takes them. Told are the rates at
   which they came out of the bridge, and were committed by each part.
2. Sales are put into Kafka at 200 a second, some of them weighed wrong. Told is how long it takes from there
   until the alert is seen in Firestore by somebody who listens.
3. Sales are pushed straight to the correlator on many connections, as Pub/Sub does and its emulator does not.
   Told are documents read, written and deleted for each, and what they would cost at 1,000 events/s.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.detectors.parts import Part, topics_of
from guardian.engine.arrivals import count
from guardian.events.topics import POS
from simulators.business_day import BusinessDay
from stack.day import SITE
from stack.local import LocalStack, Options, running
from stack.produce import recorded

ROOT = Path(__file__).parents[1]
LATENCY_RATE = 200
LATENCY_S = 60
GIVE_UP_S = 900.0
"""A record that never arrives must not keep the measurement waiting for ever."""
SECONDS_OF_MONTH = 30 * 86_400

PRICES = {"reads": 0.03, "writes": 0.09, "deletes": 0.01}
"""US dollars for 100,000 documents, as assumed: Firestore, Standard edition, one region (us-central1)."""


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=int, default=12_000, help="of the first measurement")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        day = Path(folder) / "day"
        _write_day(day, arguments.records)
        with _stack(Path(folder) / "one", day) as stack:
            _throughput(stack, day)
        with _stack(Path(folder) / "two", day) as stack:
            _latency(stack)
        with _stack(Path(folder) / "three", day) as stack:
            for rate, connections, wait_ms in ((200, 64, 5), (200, 64, 100), (1_000, 200, 100)):
                stack.stop("correlator")
                stack.runner.processes["correlator"].part.environment["GUARDIAN_GROUP_WAIT_MS"] = str(wait_ms)
                stack.start("correlator")
                _cost(stack, rate, connections, wait_ms)


@contextmanager
def _stack(folder: Path, day: Path) -> Iterator[LocalStack]:
    with running(folder, Options(day=day, without=frozenset({"notifier", "inbox"}))) as stack:
        yield stack


def _write_day(folder: Path, most: int) -> None:
    made = BusinessDay(7, 120.0, 0.5)
    records = [record for record in made.merged() if record[0] >= made.begins_ms][:most]
    folder.mkdir(parents=True)
    (folder / "products_list.csv").write_text(made.catalogue_csv(), encoding="utf-8")
    lines: dict[str, list[bytes]] = {}
    for _, topic, line in records:
        lines.setdefault(topic, []).append(line.rstrip(b"\n") + b"\n")
    for topic, values in lines.items():
        (folder / f"{topic}.jsonl").write_bytes(b"".join(values))


# --- 1. Throughput


def _throughput(stack: LocalStack, day: Path) -> None:
    topics = [record.topic for record in recorded(day, UTC)]
    wanted = {part: sum(topic in topics_of(part) for topic in topics) for part in Part}
    stores = {part: FirestoreStore(stack.firestore(), SITE, worker="benchmark", part=part) for part in Part}
    done: dict[str, float] = {}
    began = time.monotonic()
    kafka = stack.environment["GUARDIAN_KAFKA_BOOTSTRAP"]
    producer = subprocess.Popen(
        [sys.executable, "-m", "stack.produce", str(day), f"--kafka={kafka}", "--speed=0"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    while len(done) < 2 + len(Part):
        now = time.monotonic() - began
        if producer.poll() is not None:
            done.setdefault("produced to Kafka", now)
        if "bridged to Pub/Sub" not in done and _bridged(stack) >= len(topics):
            done["bridged to Pub/Sub"] = now
        for part, store in stores.items():
            if part not in done and sum(map(count, store.arrived().values())) >= wanted[part]:
                done[part] = now
        if now > GIVE_UP_S:
            raise SystemExit(f"after {now:.0f} s there is only {sorted(done)} of {wanted}")
        time.sleep(0.2)
    print(f"\n{len(topics):,} records, as fast as they go:")
    numbers = {"produced to Kafka": len(topics), "bridged to Pub/Sub": len(topics)} | dict(wanted)
    for name, seconds in sorted(done.items(), key=lambda item: item[1]):
        rate = numbers[name] / seconds
        print(f"  {name:20} {numbers[name]:>7,} records after {seconds:6.1f} s: {rate:8,.0f}/s")
    print(f"  all of it: {len(topics) / max(done.values()):,.0f} events/s through the whole chain")
    metrics = _metrics(stack)
    batches = metrics["guardian_batch_records_count"]
    print(f"  the correlator: {metrics['guardian_batch_records_sum'] / batches:.1f} records a commit")


def _bridged(stack: LocalStack) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.ports['bridge']}/healthz") as answer:
        return int(json.load(answer)["bridged"])


# --- 2. Latency


def _latency(stack: LocalStack) -> None:
    """Sales of one article, one in fifty weighed a third too heavy."""
    article = next(iter(_articles(stack)))
    seen: dict[str, float] = {}
    sent: dict[str, float] = {}
    ready = threading.Event()

    def look(documents: Any, changes: Any, when: Any) -> None:
        now = time.monotonic()
        ready.set()
        for change in changes:
            fields = change.document.to_dict()
            if fields["type"] == "WEIGHT_DISCREPANCY":
                for event in json.loads(fields["evidence"]).get("event_ids", []):
                    seen.setdefault(event, now)

    watching = stack.firestore().collection("sites", SITE, "alerts").on_snapshot(look)
    ready.wait(30)
    producer = Producer({"bootstrap.servers": stack.environment["GUARDIAN_KAFKA_BOOTSTRAP"], "linger.ms": 1})
    began = time.monotonic()
    for number in range(LATENCY_RATE * LATENCY_S):
        pause = began + number / LATENCY_RATE - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        wrong = number % 50 == 49
        identifier = f"sale-{number}"
        value = _sale(article, number, identifier, datetime.now(UTC), weight=1.35 if wrong else 1.0)
        if wrong:
            sent[identifier] = time.monotonic()
        producer.produce(POS, json.dumps(value), key=value["station_id"])
        producer.poll(0)
    producer.flush(30)
    deadline = time.monotonic() + 60
    while len(seen) < len(sent) and time.monotonic() < deadline:
        time.sleep(0.1)
    watching.unsubscribe()
    took = sorted(seen[one] - sent[one] for one in sent if one in seen)
    print(f"\n{LATENCY_RATE} sales/s for {LATENCY_S} s, {len(sent)} weighed wrong, {len(took)} alerts seen")
    if len(took) > 1:
        p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
        print(
            f"  in Kafka → alert seen: p50 {statistics.median(took) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"
        )


def _articles(stack: LocalStack) -> Iterator[tuple[str, str, float, float]]:
    from guardian.adapters.embedded.files import find_catalogue
    from guardian.runtime.composition import load_catalogue

    day = Path(stack.runner.processes["correlator"].part.environment["GUARDIAN_CATALOG"]).parent
    catalogue = load_catalogue(find_catalogue([day]))
    for product in catalogue:
        if product.weight_g and product.price:
            yield product.sku, product.name, product.price, product.weight_g


def _sale(
    article: tuple[str, str, float, float], number: int, identifier: str, at: datetime, weight: float
) -> dict[str, Any]:
    sku, name, price, weight_g = article
    return {
        "event_id": identifier,
        "timestamp": at.isoformat(),
        "station_id": f"SCC{number % 20}",
        "status": "Active",
        "data": {
            "customer_id": f"C{number}",
            "sku": sku,
            "product_name": name,
            "barcode": "4000000000000",
            "price": price,
            "weight_g": weight_g * weight,
        },
    }


# --- 3. Cost


def _cost(stack: LocalStack, rate: int, connections: int, wait_ms: int) -> None:
    """Pushes sales for half a minute, each connection waiting for its answer, at `rate` a second together."""
    article = next(iter(_articles(stack)))
    before = _metrics(stack)
    number = rate * 30
    numbers = iter(range(number))
    lock = threading.Lock()
    began = time.monotonic()
    took: list[float] = []

    def push() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", stack.ports["correlator"], timeout=60)
        while True:
            with lock:
                mine = next(numbers, None)
            if mine is None:
                return
            due = began + mine / rate
            if (pause := due - time.monotonic()) > 0:
                time.sleep(pause)
            at = datetime.now(UTC) - timedelta(milliseconds=mine % 500)
            value = _sale(article, mine, f"{rate}-{wait_ms}-{mine}", at, weight=1.0)
            place = {"kafka-topic": POS, "kafka-partition": "0", "kafka-offset": str(mine)}
            data = base64.b64encode(json.dumps(value).encode()).decode()
            body = {"message": {"messageId": f"m{mine}", "data": data, "attributes": place}}
            connection.request("POST", "/push", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            took.append(time.monotonic() - due)

    threads = [threading.Thread(target=push) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    after = _metrics(stack)
    used = {kind: after[f"guardian_store_{kind}"] - before[f"guardian_store_{kind}"] for kind in PRICES}
    commits = after["guardian_batch_records_count"] - before["guardian_batch_records_count"]
    print(
        f"\n{number:,} sales pushed on {connections} connections at {rate}/s, groups waiting {wait_ms} ms: "
        f"{number / seconds:,.0f}/s, {number / commits:.1f} a commit, answered after "
        f"p50 {statistics.median(took) * 1000:.0f} ms"
    )
    each = {kind: documents / number for kind, documents in used.items()}
    told = ", ".join(f"{each[kind]:.3f} {kind}" for kind in PRICES)
    monthly = sum(each[kind] * 1_000 * SECONDS_OF_MONTH / 100_000 * price for kind, price in PRICES.items())
    print(
        f"  {sum(each.values()):.3f} documents an event ({told}); at 1,000 events/s ${monthly:,.0f} a month"
    )


def _metrics(stack: LocalStack) -> dict[str, float]:
    address = f"http://127.0.0.1:{stack.ports['correlator']}/metrics"
    with urllib.request.urlopen(address) as answer:
        lines = answer.read().decode().splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")
    }


if __name__ == "__main__":
    main()
