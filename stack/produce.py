"""Plays a recording into Kafka as its producers would send it: in order of event time, with their keys.

    python -m stack.produce FOLDER --kafka HOST:PORT [--speed 60] [--now] [--every-twice] …

FOLDER is what `guardian simulate` writes, or any recording that `guardian replay` takes, in the same order.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec
from confluent_kafka import Producer

from guardian.adapters.embedded.files import FileSource, RecordingError, find_recordings
from guardian.adapters.kafka.settings import kafka_settings
from guardian.events.decode import Decoder
from guardian.events.model import Event
from guardian.events.times import TimeError, TimeParser, format_time, parse_zone
from guardian.events.topics import (
    EMPLOYEE_ACTIVITY,
    INVENTORY_DIGITAL,
    INVENTORY_PHYSICAL,
    POS,
    QR_SCANS,
    QUEUE,
    RECOGNITION,
    RFID,
    SHIPPING,
    SOCIAL,
    TOPICS,
)
from simulators.feed_server import shifted
from stack.day import first_wrong_ms

KEY_FIELDS: Final = {
    QR_SCANS: "product_id",
    INVENTORY_DIGITAL: "product_id",
    INVENTORY_PHYSICAL: "product_id",
    EMPLOYEE_ACTIVITY: "employee_id",
    SHIPPING: "shipment_id",
    SOCIAL: "source",
    POS: "station_id",
    RFID: "station_id",
    QUEUE: "station_id",
    RECOGNITION: "station_id",
}
"""What a stream's producer takes for the key of its records. A snapshot has none."""

AT_ONCE: Final = 1_000
TELL_EVERY_S: Final = 10.0
FLUSH_S: Final = 30.0


class Record(msgspec.Struct, frozen=True):
    """A record on its way to Kafka. time: of the event, ms; of one that cannot be read, its predecessor's."""

    time: int
    topic: str
    key: str | None
    value: bytes


def recorded(folder: Path, zone: tzinfo) -> Iterator[Record]:
    """The records of a recording, by event time; those that cannot be read are among them, unless it is not
    known where they belong. Raises RecordingError."""
    day_from_now = int(time.time() * 1000) + 86_400_000
    source = FileSource(find_recordings([folder]), Decoder(TimeParser(zone, day_from_now)))
    try:
        newest = 0
        while (batch := source.poll(AT_ONCE, 0.0)) is not None:
            for event in batch.events:
                newest = event.time
                yield Record(event.time, event.topic, _key(event), event.raw)
            for rejected in batch.rejected:
                if rejected.topic is not None:
                    yield Record(newest, rejected.topic, None, rejected.raw)
    finally:
        source.close()


def between(records: Iterable[Record], begin: int | None, end: int | None) -> Iterator[Record]:
    """Those from `begin` to before `end`, epoch ms."""
    for record in records:
        if (begin is None or record.time >= begin) and (end is None or record.time < end):
            yield record


def moved(records: Iterable[Record], seconds: int) -> Iterator[Record]:
    """The same so many seconds later. What cannot be read stays as it is."""
    for record in records:
        try:
            value: dict[str, Any] = msgspec.json.decode(record.value)
            name = TOPICS[record.topic].time_field
            value[name] = shifted(value[name], seconds)
        except (msgspec.DecodeError, LookupError, TypeError, ValueError, AttributeError):
            yield record
        else:
            yield Record(record.time + 1000 * seconds, record.topic, record.key, msgspec.json.encode(value))


def twice(records: Iterable[Record]) -> Iterator[Record]:
    """Each of them two times, as one whose acknowledgement was lost is sent again."""
    for record in records:
        yield record
        yield record


class Pace:
    """When each record is due.

    speed: seconds of event time a second; 0: as fast as it goes. rate: records a second at most; 0: any
    number.
    """

    def __init__(self, speed: float, rate: float) -> None:
        """Raises ValueError."""
        for name, value in (("speed", speed), ("rate", rate)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"--{name}: expected 0 or more, found {value}")
        self._speed = speed
        self._rate = rate
        self._number = 0
        self._first: int | None = None

    def due_s(self, record: Record) -> float:
        """Seconds after the beginning; asked once for each, in order."""
        if self._first is None:
            self._first = record.time
        by_time = (record.time - self._first) / 1000 / self._speed if self._speed else 0.0
        by_rate = self._number / self._rate if self._rate else 0.0
        self._number += 1
        return max(by_time, by_rate)


def play(
    records: Iterable[Record],
    pace: Pace,
    send: Callable[[Record], None],
    stop: threading.Event,
) -> int:
    """Sends each when it is due, until there are no more or `stop` is set. Returns how many were sent."""
    began = time.monotonic()
    number = 0
    for record in records:
        ahead_s = pace.due_s(record) - (time.monotonic() - began)
        if (ahead_s > 0 and stop.wait(ahead_s)) or stop.is_set():
            break
        send(record)
        number += 1
    return number


class KafkaSender:
    """Hands records to Kafka. failures: how many it has not taken."""

    def __init__(self, bootstrap: str) -> None:
        # How to log in to a cluster that is not the stack's: docs/bridge.md.
        config = kafka_settings(os.environ, bootstrap).client_config()
        self._producer = Producer({**config, "linger.ms": 5, "enable.idempotence": True, "log_level": 3})
        self._began = self._told = time.monotonic()
        self._sent = 0
        self.failures = 0

    def send(self, record: Record) -> None:
        """Waits while the client holds too much that Kafka has not taken."""
        while True:
            try:
                self._producer.produce(
                    record.topic, record.value, key=record.key, on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        self._producer.poll(0)
        self._sent += 1
        if time.monotonic() - self._told >= TELL_EVERY_S:
            self._told = time.monotonic()
            print(f"{self._sent:,} records, at {format_time(record.time, UTC)}", flush=True)

    def flush(self) -> None:
        """Waits until Kafka has all of it."""
        self.failures += self._producer.flush(FLUSH_S)

    def _delivered(self, error: object, _: object) -> None:
        if error is not None:
            self.failures += 1


def _key(event: Event) -> str | None:
    field = KEY_FIELDS.get(event.topic)
    return None if field is None else str(getattr(event.value, field))


def shift_to_now_s(records: Iterable[Record], speed: float) -> int:
    """By how many seconds to move them so that the last is sent at its own time, and none before it."""
    first = last = None
    for record in records:
        first = record.time if first is None else first
        last = record.time
    if first is None or last is None:
        return 0
    takes_ms = (last - first) / speed if speed else 0.0
    return math.floor((time.time() * 1000 + takes_ms - last) / 1000)


def main(given: Sequence[str] | None = None) -> int:
    """Plays until the end or SIGTERM. Returns 1 if Kafka has not taken everything, 2 for bad arguments."""
    arguments = parser().parse_args(given)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        zone = parse_zone(arguments.zone)
        pace = Pace(arguments.speed, arguments.rate)
        times = TimeParser(zone, int(time.time() * 1000))
        begin, end = (
            None if text is None else times.parse(text) for text in (arguments.begin, arguments.end)
        )
        if begin is None and arguments.lead is not None:
            wrong = first_wrong_ms(arguments.folder)
            begin = None if wrong is None else wrong - round(1000 * arguments.lead)

        def chosen() -> Iterator[Record]:
            return between(recorded(arguments.folder, zone), begin, end)

        records = chosen()
        if arguments.now:
            records = moved(records, shift_to_now_s(chosen(), arguments.speed))
        if arguments.every_twice:
            records = twice(records)
        sender = KafkaSender(arguments.kafka)
        began = time.monotonic()
        sent = play(records, pace, sender.send, stop)
    except (RecordingError, TimeError, ValueError) as error:
        print(f"{error}", file=sys.stderr)
        return 2
    sender.flush()
    took_s = time.monotonic() - began
    print(f"{'stopped' if stop.is_set() else 'done'}: {sent:,} records in {took_s:.1f} s", flush=True)
    if sender.failures:
        print(f"{sender.failures:,} records did not reach Kafka", file=sys.stderr)
    return 1 if sender.failures else 0


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = argparse.ArgumentParser(prog="stack.produce", description="Plays a recording into Kafka.")
    made.add_argument("folder", type=Path)
    made.add_argument("--kafka", required=True, metavar="HOST:PORT")
    made.add_argument("--zone", default="UTC", help="of times that name none")
    add_options(made)
    return made


def add_options(made: argparse.ArgumentParser) -> None:
    """Those that `python -m stack` has as well."""
    made.add_argument("--speed", type=float, default=1.0, help="times real time; 0 is as fast as it goes")
    made.add_argument("--rate", type=float, default=0.0, help="records a second at most; 0 is any number")
    made.add_argument("--every-twice", action="store_true", help="each record two times")
    made.add_argument(
        "--lead",
        type=float,
        metavar="S",
        help="begin so many seconds before a simulated day's first wrong event",
    )
    made.add_argument(
        "--begin", metavar="TIME", help="leave out what is before, whatever --lead says; ISO 8601"
    )
    made.add_argument("--end", metavar="TIME", help="leave out what is not before")
    made.add_argument("--now", action="store_true", help="move all times so that the end is now")


if __name__ == "__main__":
    sys.exit(main())
