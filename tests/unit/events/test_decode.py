"""Decoding by example: every shape that arrives, what is mended, and what is rejected for which reason."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from guardian.events.decode import MAX_RECORD_BYTES, Decoder
from guardian.events.model import Event, Rejected
from guardian.events.store import PosTransaction, Sale, TagRead
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
    SNAPSHOTS,
    SOCIAL,
    TOPICS,
)
from guardian.events.warehouse import ManifestItem
from tests.unit.events.rows import EXAMPLES, NOON, NOON_MS, parser


@pytest.fixture
def decoder() -> Decoder:
    return Decoder(parser())


def changed(topic: str, path: str, value: Any) -> bytes:
    """The example row of `topic` with one field set."""
    row: Any = json.loads(json.dumps(EXAMPLES[topic]))
    *outer, name = path.split(".")
    place = row
    for step in outer:
        place = place[step]
    place[name] = value
    return json.dumps(row).encode()


def without(topic: str, path: str) -> bytes:
    """The example row of `topic` with one field left out."""
    row: Any = json.loads(json.dumps(EXAMPLES[topic]))
    *outer, name = path.split(".")
    place = row
    for step in outer:
        place = place[step]
    del place[name]
    return json.dumps(row).encode()


def accepted(outcome: Event | Rejected | None) -> Event:
    assert isinstance(outcome, Event), outcome
    return outcome


def rejected(outcome: Event | Rejected | None) -> Rejected:
    assert isinstance(outcome, Rejected), outcome
    return outcome


# --- Values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_the_example_of_every_stream_decodes_to_its_contract(decoder: Decoder, topic: str) -> None:
    raw = json.dumps(EXAMPLES[topic]).encode()
    event = accepted(decoder.decode_value(topic, raw, "file.jsonl", 7))
    assert (event.topic, event.time, event.id, event.source, event.position) == (
        topic,
        NOON_MS,
        None,
        "file.jsonl",
        7,
    )
    assert event.raw == raw
    assert event.ref == "file.jsonl:7"
    assert type(event.value) is TOPICS[topic].contract
    assert json.loads(msgspec.json.encode(event.value)).items() >= EXAMPLES[topic].items()


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_every_stream_takes_the_producers_event_id_and_fields_it_does_not_know(
    decoder: Decoder, topic: str
) -> None:
    raw = json.dumps(EXAMPLES[topic] | {"event_id": "ev-1", "firmware": {"build": [1, 2]}}).encode()
    event = accepted(decoder.decode_value(topic, raw, "f", 1))
    assert event.id == event.ref == "ev-1"
    assert event.raw == raw


def test_an_event_id_counts_for_more_than_the_brokers_position(decoder: Decoder) -> None:
    given = changed(RFID, "event_id", "ev-1")
    bare = json.dumps(EXAMPLES[RFID]).encode()
    assert accepted(decoder.decode_value(RFID, given, "f", 1, "rfid-readings/0/9")).id == "ev-1"
    assert accepted(decoder.decode_value(RFID, bare, "f", 1, "rfid-readings/0/9")).id == "rfid-readings/0/9"


@pytest.mark.parametrize("status", ["Read Error", "System Crash"])
@pytest.mark.parametrize("topic", [POS, RFID, QUEUE, RECOGNITION])
@pytest.mark.parametrize("data", ["nulls", "empty", "null", "missing"])
def test_a_device_that_is_down_may_have_no_data(decoder: Decoder, topic: str, status: str, data: str) -> None:
    row = EXAMPLES[topic] | {"status": status}
    nulls = dict.fromkeys(row["data"])
    row |= {"data": {"nulls": nulls, "empty": {}, "null": None, "missing": None}[data]}
    if data == "missing":
        del row["data"]
    value = accepted(decoder.decode_value(topic, json.dumps(row).encode(), "f", 1)).value
    assert value.status == status
    assert value.data == type(value.data)()


def test_a_read_error_may_still_carry_the_sale(decoder: Decoder) -> None:
    event = accepted(decoder.decode_value(POS, changed(POS, "status", "Read Error"), "f", 1))
    assert event.value.data.sku == "TEA"


def test_an_rfid_heartbeat_is_all_none(decoder: Decoder) -> None:
    for nothing in (None, ""):
        raw = changed(RFID, "data", {"epc": nothing, "sku": nothing, "location": nothing})
        assert accepted(decoder.decode_value(RFID, raw, "f", 1)).value.data == TagRead()


# --- What is mended ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "path", "written", "read"),
    [
        (POS, "data.customer_id", 17, "17"),
        (POS, "data.barcode", 4006381333931, "4006381333931"),
        (POS, "data.sku", -5, "-5"),
        (POS, "event_id", 10**30, str(10**30)),
        (POS, "event_id", "", None),
        (POS, "data.price", 5, 5.0),
        (POS, "data.price", None, None),
        (QUEUE, "data.customer_count", 3.0, 3),
        (SNAPSHOTS, "data", {"TEA": 5.0, "MILK": -2}, {"TEA": 5, "MILK": -2}),
        (INVENTORY_DIGITAL, "product_id", 12, "12"),
        (INVENTORY_DIGITAL, "quantity", 4.0, 4),
        (INVENTORY_DIGITAL, "shipment_id", "", None),
        (INVENTORY_PHYSICAL, "rfid_tag", None, None),
        (EMPLOYEE_ACTIVITY, "employee_id", 7, "7"),
        (EMPLOYEE_ACTIVITY, "is_after_hours", None, None),
        (SOCIAL, "sentiment", "hostile", "hostile"),
        (SOCIAL, "sentiment", 1, 1.0),
        (SHIPPING, "manifest", None, []),
        (SHIPPING, "manifest", [], []),
        (
            SHIPPING,
            "manifest",
            ["A", 5, {"product_id": 6, "quantity": 2.0}, {"product_id": "B", "quantity": None}],
            [ManifestItem("A"), ManifestItem("5"), ManifestItem("6", 2), ManifestItem("B")],
        ),
    ],
)
def test_spellings_with_a_single_meaning_are_read(
    decoder: Decoder, topic: str, path: str, written: object, read: object
) -> None:
    value: Any = accepted(decoder.decode_value(topic, changed(topic, path, written), "f", 1)).value
    for step in path.split("."):
        value = getattr(value, step)
    assert value == read
    assert type(value) is type(read)


def test_a_scan_without_an_action_is_a_scan(decoder: Decoder) -> None:
    for raw in (without(QR_SCANS, "action"), changed(QR_SCANS, "action", None)):
        assert accepted(decoder.decode_value(QR_SCANS, raw, "f", 1)).value.action == "qr_scanned"


def test_a_byte_order_mark_and_line_ends_do_not_matter(decoder: Decoder) -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(EXAMPLES[POS]).encode() + b"\r\n"
    assert accepted(decoder.decode_value(POS, raw, "f", 1)).value.data.sku == "TEA"


# --- What is rejected --------------------------------------------------------------------------------

STATION_FIELDS = ("timestamp", "station_id", "status")
REQUIRED = {
    QR_SCANS: ("product_id", "location", "timestamp", "generated_by"),
    INVENTORY_DIGITAL: ("product_id", "status", "quantity", "location", "updated_by", "updated_at"),
    INVENTORY_PHYSICAL: ("product_id", "location", "quantity", "rfid_detected", "sensor_id", "timestamp"),
    EMPLOYEE_ACTIVITY: ("employee_id", "action", "resource", "location", "timestamp"),
    SHIPPING: ("shipment_id", "truck_id", "departure_time", "destination"),
    SOCIAL: ("source", "content", "sentiment", "location", "timestamp"),
    POS: (*STATION_FIELDS, "data.sku"),
    RFID: STATION_FIELDS,
    QUEUE: STATION_FIELDS,
    RECOGNITION: STATION_FIELDS,
    SNAPSHOTS: ("timestamp", "data"),
}


@pytest.mark.parametrize(("topic", "path"), [(topic, path) for topic in REQUIRED for path in REQUIRED[topic]])
def test_a_missing_required_field_is_named(decoder: Decoder, topic: str, path: str) -> None:
    outcome = rejected(decoder.decode_value(topic, without(topic, path), "f", 3))
    assert (outcome.topic, outcome.field, outcome.source, outcome.position) == (topic, path, "f", 3)
    assert outcome.reason.startswith(f"{path}: required")
    assert "missing" in outcome.reason
    null = rejected(decoder.decode_value(topic, changed(topic, path, None), "f", 3))
    assert null.field == path


@pytest.mark.parametrize(
    ("topic", "path", "value", "reason"),
    [
        (POS, "data.price", "12,50", 'data.price: expected number, found string "12,50"'),
        (POS, "data.price", -1, "data.price: expected number >= 0, found integer -1"),
        (POS, "data.price", 1e10, "data.price: expected number <= 1000000000, found number 10000000000.0"),
        (POS, "data.price", True, "data.price: expected number, found boolean true"),
        (POS, "data.sku", 1.5, "data.sku: expected string, found number 1.5"),
        (POS, "data.sku", True, "data.sku: expected string, found boolean true"),
        (POS, "data.sku", [1], "data.sku: expected string, found array of 1 items"),
        (POS, "data.sku", "", "data.sku: required while status is Active, but missing"),
        (
            POS,
            "data.sku",
            "x" * 257,
            f'data.sku: expected string of length <= 256, found string "{"x" * 48}…" (257 long)',
        ),
        (POS, "data", None, "data.sku: required while status is Active, but missing"),
        (POS, "data", "sold", 'data: expected object, found string "sold"'),
        (POS, "station_id", "", 'station_id: expected string of length >= 1, found string ""'),
        (POS, "station_id", 4, "station_id: expected string, found integer 4"),
        (QUEUE, "data.customer_count", "3", 'data.customer_count: expected integer, found string "3"'),
        (QUEUE, "data.customer_count", 2.5, "data.customer_count: expected integer, found number 2.5"),
        (QUEUE, "data.customer_count", -1, "data.customer_count: expected integer >= 0, found integer -1"),
        (RECOGNITION, "data.accuracy", 71, "data.accuracy: expected number <= 1, found integer 71"),
        (SNAPSHOTS, "data", {"TEA": 1, "MILK": "2"}, 'data.MILK: expected integer, found string "2"'),
        (SNAPSHOTS, "data", {"TEA": None}, "data.TEA: expected integer, found null"),
        (SNAPSHOTS, "data", {"": 1}, 'data: a key: expected string of length >= 1, found string ""'),
        (SNAPSHOTS, "data", [], "data: expected object, found array of 0 items"),
        (INVENTORY_DIGITAL, "quantity", -1, "quantity: expected integer >= 0, found integer -1"),
        (
            INVENTORY_DIGITAL,
            "status",
            "lost",
            'status: expected one of delivered, in_stock, in_transit, shipped, found string "lost"',
        ),
        (INVENTORY_PHYSICAL, "rfid_detected", "yes", 'rfid_detected: expected boolean, found string "yes"'),
        (INVENTORY_PHYSICAL, "rfid_detected", 1, "rfid_detected: expected boolean, found integer 1"),
        (SHIPPING, "manifest", "A", 'manifest: expected array, found string "A"'),
        (SHIPPING, "manifest", [True], "manifest[0].product_id: expected string, found boolean true"),
        (SHIPPING, "manifest", ["A", None], "manifest[1]: expected object, found null"),
        (SHIPPING, "manifest", ["A", {"quantity": 1}], "manifest[1].product_id: required, but missing"),
        (
            SHIPPING,
            "manifest",
            ["A", {"product_id": "B", "quantity": -1}],
            "manifest[1].quantity: expected integer >= 0, found integer -1",
        ),
        (SOCIAL, "sentiment", -2, "sentiment: expected number >= -1, found integer -2"),
        (SOCIAL, "sentiment", [], "sentiment: expected number or string, found array of 0 items"),
        (QR_SCANS, "action", "qr_burnt", "action: expected one of"),
        (QR_SCANS, "qr_data", "x" * 65_537, "qr_data: expected string of length <= 65536"),
        (
            POS,
            "timestamp",
            "2026-03-14",
            'timestamp: found string "2026-03-14": a date without a time of day',
        ),
        (POS, "timestamp", 0, "timestamp: found integer 0: before 2000-01-01, device clock not set?"),
        (
            POS,
            "timestamp",
            1_773_489_600,
            "timestamp: found integer 1773489600: looks like epoch seconds, milliseconds are expected",
        ),
        (POS, "timestamp", True, "timestamp: expected number or string, found boolean true"),
        (
            SHIPPING,
            "departure_time",
            "2999-01-01T00:00:00Z",
            'departure_time: found string "2999-01-01T00:00:00Z": later than 2027-01-01T00:00:00+00:00',
        ),
        (INVENTORY_DIGITAL, "updated_at", "soon", "updated_at: expected a time"),
    ],
)
def test_a_wrong_value_is_rejected_with_field_and_reason(
    decoder: Decoder, topic: str, path: str, value: object, reason: str
) -> None:
    raw = changed(topic, path, value)
    outcome = rejected(decoder.decode_value(topic, raw, "f", 1))
    assert outcome.reason.startswith(reason), outcome.reason
    assert outcome.topic == topic
    assert outcome.field == reason.split(":", 1)[0]
    assert outcome.raw == raw


def test_each_action_on_a_code_needs_what_makes_it_usable(decoder: Decoder) -> None:
    scan = {"product_id": "A", "location": "L", "timestamp": NOON}
    for extra, field in (
        ({"scanner_id": "S"}, "qr_data"),
        ({"qr_data": "x"}, "scanner_id"),
        ({"qr_id": "x"}, "scanner_id"),
        ({"action": "qr_regenerated", "qr_id": "x", "scanner_id": "S"}, "generated_by"),
        ({"action": "qr_issued", "qr_id": "x", "generated_by": "E7"}, "qr_data"),
        ({"action": "qr_consumed", "scanner_id": "S"}, "qr_data"),
        ({"action": "qr_revoked", "generated_by": "E7"}, "qr_data"),
    ):
        assert (
            rejected(decoder.decode_value(QR_SCANS, json.dumps(scan | extra).encode(), "f", 1)).field == field
        )
    for extra in (
        {"qr_data": "x", "scanner_id": "S"},
        {"qr_id": "x", "scanner_id": "S"},
        {"action": "qr_regenerated", "generated_by": "E7"},
        {"action": "qr_issued", "qr_data": "x"},
        {"action": "qr_consumed", "qr_id": "x"},
        {"action": "qr_consumed", "qr_data": "x", "scanner_id": "S"},
        {"action": "qr_revoked", "qr_id": "x", "generated_by": "E7"},
    ):
        accepted(decoder.decode_value(QR_SCANS, json.dumps(scan | extra).encode(), "f", 1))


SALE = (
    b'{"timestamp": "%s", "station_id": "S", "status": "Active", "data": {"sku": "A", %%s}}' % NOON.encode()
)

HOSTILE: dict[str, tuple[bytes, str | None, str]] = {
    "nothing": (b"", None, "empty record"),
    "truncated": (b"{", None, "not valid JSON: Input data was truncated"),
    "no JSON": (b"hello", None, "not valid JSON: invalid character (byte 0)"),
    "two values": (SALE % b'"price": 1' * 2, None, "not valid JSON: trailing characters"),
    "array": (b"[]", None, "expected object, found array of 0 items"),
    "text": (b'"text"', None, 'expected object, found string "text"'),
    "null": (b"null", None, "expected object, found null"),
    "NaN": (
        SALE % b'"price": NaN',
        "data.price",
        "data.price: expected number, found NaN, which is not JSON",
    ),
    "infinity": (SALE % b'"price": -Infinity', "data.price", "data.price: expected number, found -Infinity"),
    "NaN somewhere": (SALE % b'"note": NaN', None, "not valid JSON: "),
    "1e999": (
        SALE % b'"price": 1e999',
        "data.price",
        "data.price: expected number, found 1e999, which is out",
    ),
    "10**400": (SALE % b'"price": 1%s' % (b"0" * 400), "data.price", "data.price: number out of range"),
    "10**9000": (SALE % b'"price": 1%s' % (b"0" * 9000), "data.price", "data.price: "),
    "id 10**400": (SALE % b'"barcode": 1%s' % (b"0" * 400), "data.barcode", "data.barcode: expected string"),
    "id 10**9000": (SALE % b'"barcode": 1%s' % (b"0" * 9000), "data.barcode", "data.barcode: "),
    "not UTF-8": (SALE % b'"note": "\xff"', None, "not valid UTF-8: invalid start byte"),
    "lone surrogate": (SALE % b'"barcode": "\\ud800"', None, "not valid JSON: "),
    "surrogates swapped": (SALE % b'"barcode": "\\udc00\\ud800"', None, "not valid JSON: "),
    "nested in an unknown field": (SALE % b'"note": %s' % (b"[" * 100_000), None, "nested too deeply"),
    "nested arrays": (b"[" * 100_000, None, "nested too deeply"),
    "nested objects": (b'{"a":' * 100_000, None, "nested too deeply"),
    "just too large": (b" " * MAX_RECORD_BYTES + b"{}", None, "larger than 1048576 bytes"),
    "10 MB": (SALE % b'"note": "%s"' % (b"x" * 10_000_000), None, "larger than 1048576 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_rejected(decoder: Decoder, name: str) -> None:
    raw, field, reason = HOSTILE[name]
    outcome = rejected(decoder.decode_value(POS, raw, "f", 1))
    assert (outcome.topic, outcome.field) == (POS, field)
    assert outcome.reason.startswith(reason), outcome.reason
    assert outcome.raw == raw
    if raw:
        assert decoder.decode_lines(POS, [raw], "f", 1) == [outcome]


def test_a_number_no_computer_holds_is_nobodys_business_in_an_unknown_field(decoder: Decoder) -> None:
    for other in (b'"price": 5', b'"barcode": 5'):
        for number in (b"1e999", b"1" + b"0" * 400, b"1" + b"0" * 9000):
            accepted(decoder.decode_value(POS, SALE % (other + b', "note": ' + number), "f", 1))


def test_a_rejection_never_repeats_much_of_what_it_found(decoder: Decoder) -> None:
    for value in ("x" * 60_000, "\x00" * 300, "é\n" * 500, '"' * 300, {"k" * 9000: 1}, list(range(9000))):
        for path in ("station_id", "timestamp", "data.sku", "data"):
            outcome = rejected(decoder.decode_value(POS, changed(POS, path, value), "f", 1))
            assert len(outcome.reason) < 200
    key = rejected(decoder.decode_value(SNAPSHOTS, changed(SNAPSHOTS, "data", {"k" * 250: "x"}), "f", 1))
    assert len(key.reason) < 200
    assert len(key.field or "") < 100


# --- Lines -------------------------------------------------------------------------------------------


def test_lines_keep_their_positions_over_blank_ones_and_bad_ones(decoder: Decoder) -> None:
    good = json.dumps(EXAMPLES[POS]).encode()
    mended = changed(POS, "data.sku", 5)
    lines = [good, b"", b"  \r\n", b"{bad", mended, changed(POS, "data.sku", None), good + b"\n"]
    outcomes = decoder.decode_lines(POS, lines, "f", 10)
    assert [(type(each), each.position) for each in outcomes] == [
        (Event, 10),
        (Rejected, 13),
        (Event, 14),
        (Rejected, 15),
        (Event, 16),
    ]
    assert [each.raw for each in outcomes] == [good, b"{bad", mended, lines[5], good + b"\n"]


def test_one_large_or_foreign_line_does_not_spoil_the_batch(decoder: Decoder) -> None:
    good = json.dumps(EXAMPLES[POS]).encode()
    accented = SALE % '"product_name": "thé"'.encode()
    lines = [good, b"x" * (MAX_RECORD_BYTES + 1), SALE % b'"note": "\xff"', accented, good]
    outcomes = decoder.decode_lines(POS, lines, "f", 1)
    assert [type(each) for each in outcomes] == [Event, Rejected, Rejected, Event, Event]
    assert accepted(outcomes[3]).value.data.product_name == "thé"


def test_lines_of_no_stream_are_all_rejected(decoder: Decoder) -> None:
    outcomes = decoder.decode_lines("weather", [b"{}", b"", b"{}"], "f", 1)
    assert [(rejected(each).topic, rejected(each).field, each.position) for each in outcomes] == [
        (None, "topic", 1),
        (None, "topic", 3),
    ]
    assert decoder.decode_lines(POS, [], "f", 1) == []


def test_the_limit_on_times_moves_with_its_parser(decoder: Decoder) -> None:
    times = parser()
    decoder = Decoder(times)
    raw = json.dumps(EXAMPLES[POS]).encode()
    for latest, kind in ((NOON_MS, Event), (NOON_MS - 1, Rejected), (NOON_MS, Event)):
        times.latest_ms = latest
        assert [type(each) for each in decoder.decode_lines(POS, [raw], "f", 1)] == [kind]


# --- Records and frames ------------------------------------------------------------------------------


def test_records_come_with_value_or_payload_as_object_or_text(decoder: Decoder) -> None:
    row = EXAMPLES[POS]
    text = json.dumps(row)
    for record in (
        {"topic": POS, "value": row},
        {"topic": POS, "key": "SCC1", "value": row},
        {"topic": POS, "key": None, "payload": row, "ts": 5, "tstype": "create", "broker": 1},
        {"key": ["x"], "payload": text, "topic": POS},
        {"topic": POS, "value": text},
    ):
        event = accepted(decoder.decode_record(json.dumps(record).encode(), "f", 4))
        assert (event.topic, event.time, event.id, event.position) == (POS, NOON_MS, None, 4)
        assert json.loads(event.raw) == row
        assert isinstance(event.value, PosTransaction)


def test_a_kafka_record_is_known_by_where_it_is_in_kafka(decoder: Decoder) -> None:
    record = {"topic": POS, "partition": 2, "offset": 41, "key": None, "payload": json.dumps(EXAMPLES[POS])}
    assert accepted(decoder.decode_record(json.dumps(record).encode(), "f", 1)).id == "pos-transactions/2/41"
    named = record | {"payload": json.dumps(EXAMPLES[POS] | {"event_id": "ev-1"})}
    assert accepted(decoder.decode_record(json.dumps(named).encode(), "f", 1)).id == "ev-1"
    del record["partition"]
    assert accepted(decoder.decode_record(json.dumps(record).encode(), "f", 1)).id is None


@pytest.mark.parametrize(
    ("record", "topic", "field", "reason"),
    [
        (
            b'{"topic": "weather", "value": {}}',
            None,
            "topic",
            'topic: unknown stream, found string "weather"',
        ),
        (b'{"topic": "fraud-alerts", "value": {}}', None, "topic", "topic: fraud-alerts is a stream that is"),
        (b'{"value": {}}', None, "topic", "topic: required, but missing"),
        (b'{"topic": 5, "value": {}}', None, "topic", "topic: expected string, found integer 5"),
        (b'{"topic": "rfid-readings"}', RFID, "value", "value: required, but missing"),
        (b'{"topic": "rfid-readings", "payload": null}', RFID, None, "expected object, found null"),
        (b'{"topic": "rfid-readings", "value": "oops"}', RFID, None, "not valid JSON: "),
        (b'{"topic": "rfid-readings", "value": ""}', RFID, None, "empty record"),
        (b'{"topic": "rfid-readings", "value": {}}', RFID, "timestamp", "timestamp: required, but missing"),
        (
            b'{"topic": "rfid-readings", "offset": "1", "value": {}}',
            RFID,
            "offset",
            "offset: expected integer",
        ),
        (b"[]", None, None, "expected object, found array of 0 items"),
        (b'{"topic": "rfid-readings", "value": {', None, None, "not valid JSON: "),
        (b'{"topic": "rfid-readings", "value": "\xff"}', None, None, "not valid UTF-8: "),
        (b'{"topic": "rfid-readings", "value": ' + b"[" * 100_000, None, None, "nested too deeply"),
        (b"x" * (MAX_RECORD_BYTES + 1), None, None, "larger than 1048576 bytes"),
    ],
)
def test_a_bad_record_is_rejected_with_what_is_known_of_it(
    decoder: Decoder, record: bytes, topic: str | None, field: str | None, reason: str
) -> None:
    outcome = rejected(decoder.decode_record(record, "f", 9))
    assert (outcome.topic, outcome.field, outcome.position) == (topic, field, 9)
    assert outcome.reason.startswith(reason), outcome.reason


def test_many_records_keep_their_positions(decoder: Decoder) -> None:
    good = json.dumps({"topic": POS, "value": EXAMPLES[POS]}).encode()
    other = json.dumps({"topic": SNAPSHOTS, "value": EXAMPLES[SNAPSHOTS]}).encode()
    outcomes = decoder.decode_records([good, b" ", b"{", other], "f", 1)
    assert [(each.topic, each.position) for each in outcomes] == [(POS, 1), (None, 3), (SNAPSHOTS, 4)]


def frame(**fields: object) -> bytes:
    given = {
        "dataset": "POS_Transactions",
        "sequence": 12,
        "timestamp": "2026-05-01T00:00:00",
        "original_timestamp": "2026-05-02T00:00:00",
        "event": EXAMPLES[POS],
    }
    return json.dumps({name: value for name, value in (given | fields).items() if value != "-"}).encode()


@pytest.mark.parametrize(
    ("dataset", "topic"),
    [
        ("POS_Transactions", POS),
        ("RFID_data", RFID),
        ("Queue_monitor", QUEUE),
        ("Product_recognism", RECOGNITION),
        ("Current_inventory_data", SNAPSHOTS),
    ],
)
def test_frames_of_every_dataset(decoder: Decoder, dataset: str, topic: str) -> None:
    event = accepted(decoder.decode_frame(frame(dataset=dataset, event=EXAMPLES[topic]), "tcp"))
    assert (event.topic, event.time, event.source, event.position) == (topic, NOON_MS, "tcp", 12)
    assert json.loads(event.raw) == EXAMPLES[topic]


def test_the_banner_of_the_feed_is_no_event(decoder: Decoder) -> None:
    banner = b'{"service": "store feed", "datasets": ["POS_Transactions"], "events": 3}'
    assert decoder.decode_frame(banner, "tcp") is None


@pytest.mark.parametrize(
    ("line", "topic", "field", "position"),
    [
        (frame(dataset="Weather"), None, "dataset", 12),
        (frame(dataset="-"), None, "dataset", 12),
        (frame(event="-"), None, "event", 12),
        (frame(sequence="-"), POS, "sequence", 0),
        (frame(sequence=-4), POS, "sequence", 0),
        (frame(sequence="4"), POS, "sequence", 0),
        (frame(event={}), POS, "timestamp", 12),
        (frame(event=None), POS, None, 12),
        (frame()[:-20], None, None, 0),
        (b"hello", None, None, 0),
    ],
)
def test_a_bad_frame_is_rejected(
    decoder: Decoder, line: bytes, topic: str | None, field: str | None, position: int
) -> None:
    outcome = rejected(decoder.decode_frame(line, "tcp"))
    assert (outcome.topic, outcome.field, outcome.position) == (topic, field, position)


def test_defaults_are_not_shared_between_shipments(decoder: Decoder) -> None:
    raw = without(SHIPPING, "manifest")
    first, second = (accepted(decoder.decode_value(SHIPPING, raw, "f", 1)).value for _ in range(2))
    assert first.manifest == []
    assert first.manifest is not second.manifest


def test_no_sale_equals_a_sale_of_nothing() -> None:
    assert PosTransaction(NOON, "S", "System Crash").data == Sale()
