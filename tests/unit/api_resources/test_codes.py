"""`qr`."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.labels.drawing import png
from guardian.desk_ports import Role
from guardian.detectors.warehouse.code_registry import CODES
from guardian.events.decode import Decoder
from guardian.events.topics import QR_SCANS
from guardian.runtime.composition import decoder_now
from tests.unit.api_resources.conftest import SITE, Api, Product

LARGE = (
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
    + bytes((5 << 20) + 1)
    + b"\r\n--b--\r\n"
)
"""A form with an image of more than 5 MB."""

GENERATE, VERIFY = "/api/v1/qr/generate", "/api/v1/qr/verify"


def made(api: Api, **wanted: Any) -> Any:
    answer = api.as_(Role.ADMIN).post(GENERATE, json={"product_id": "P-1", "location": "WH1/A-01", **wanted})
    assert answer.status_code == 201, answer.text
    return answer.json


def verdict(api: Api, text: str, location: str | None = None) -> Any:
    body = {"text": text} | ({"location": location} if location else {})
    answer = api.as_(Role.OPERATOR).post(VERIFY, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json["items"][0]


def test_a_code_that_was_made_is_believed(api: Api) -> None:
    batch = made(api, count=3, images="both", batch="spring")

    assert len({item["qr_id"] for item in batch["items"]}) == 3
    for item in batch["items"]:
        found = verdict(api, item["text"], "WH1/A-01")
        assert (found["code"], found["genuine"], found["accepted"]) == ("valid", True, True)
        assert (found["product_id"], found["qr_id"]) == ("P-1", item["qr_id"])
        assert found["elsewhere"] is False
        assert found["registered"] is None
        assert item["svg"].startswith("<svg")
    assert verdict(api, item["text"], "WH1/B-02")["elsewhere"] is True
    entries = api.as_(Role.ADMIN).get("/api/v1/audit").json["items"]
    entry = next(one for one in entries if one["action"] == "qr.generate")
    assert (entry["action"], entry["site"], entry["subject"]) == ("qr.generate", SITE, "P-1")
    assert entry["detail"]["batch"] == "spring"
    assert entry["detail"]["qr_ids"] == [one["qr_id"] for one in batch["items"]]


def test_its_image_can_be_read_again(api: Api) -> None:
    (item,) = made(api, images="png")["items"]
    image = io.BytesIO(base64.b64decode(item["png"]))
    answer = api.as_(Role.OPERATOR).post(VERIFY, data={"image": (image, "label.png"), "location": "WH1/A-01"})

    assert answer.status_code == 200, answer.text
    assert [(one["qr_id"], one["accepted"]) for one in answer.json["items"]] == [(item["qr_id"], True)]


def test_an_altered_code_is_not_believed(api: Api) -> None:
    (item,) = made(api, images="none")["items"]
    forged = item["text"].replace("A-01", "B-02")
    assert forged != item["text"]

    found = verdict(api, forged)
    assert (found["code"], found["genuine"], found["accepted"]) == ("bad_signature", False, False)
    assert (item["svg"], item["png"]) == (None, None)


@pytest.mark.parametrize(
    ("text", "code"), [("hello", "not_a_code"), ("https://id.example.com/x", "not_a_code")]
)
def test_what_is_no_code(api: Api, text: str, code: str) -> None:
    found = verdict(api, text)

    assert found["code"] == code
    assert found["qr_id"] is None


def test_the_records_of_an_issue_fit_the_stream(api: Api, product: Product) -> None:
    import msgspec

    decoder: Decoder
    decoder, _ = decoder_now(product.settings)
    for event in made(api, count=2)["events"]:
        decoded = decoder.decode_value(QR_SCANS, msgspec.json.encode(event), "api", 1)
        assert type(decoded).__name__ == "Event", decoded


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"product_id": ""}, "product_id"),
        ({"product_id": "P", "count": 101}, "count"),
        ({"product_id": "P", "gtin": "12345678"}, "gtin"),
        ({"product_id": "a\nb"}, "product_id"),
        ({"product_id": ".."}, "product_id"),
        ({}, "product_id"),
    ],
    ids=str,
)
def test_what_cannot_be_made_is_refused(api: Api, body: dict[str, Any], field: str) -> None:
    refused = api.as_(Role.ADMIN).post(GENERATE, json=body)

    assert refused.status_code == 422
    assert refused.json["errors"][0]["field"] == field


def test_who_may_make_and_verify(api: Api) -> None:
    assert api.as_(Role.ANALYST).post(GENERATE, json={"product_id": "P"}).status_code == 403
    assert api.as_(Role.VIEWER).post(VERIFY, json={"text": "x"}).status_code == 403
    assert api.as_(Role.ADMIN, "south").post(GENERATE, json={"product_id": "P"}).status_code == 404
    assert api.app.test_client().post(VERIFY, json={"text": "x"}).status_code == 401


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"x", "content_type": "text/plain"}, 415),
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b"[]", "content_type": "application/json"}, 422),
        ({"json": {"location": "A"}}, 422),
        ({"data": {"location": "A"}, "content_type": "multipart/form-data"}, 422),
        ({"data": {"image": (io.BytesIO(b"no image"), "x.png")}}, 422),
        ({"data": LARGE, "content_type": "multipart/form-data; boundary=b"}, 413),
    ],
    ids=["text", "broken", "list", "no text", "no image", "not an image", "too large"],
)
def test_what_cannot_be_verified_is_refused(api: Api, sent: dict[str, Any], status: int) -> None:
    refused = api.as_(Role.OPERATOR).post(VERIFY, **sent)

    assert refused.status_code == status
    assert refused.content_type == "application/problem+json"


def test_an_image_without_a_code_is_told(api: Api) -> None:
    from PIL import Image

    blank = io.BytesIO()
    Image.new("L", (64, 64), 255).save(blank, "PNG")
    blank.seek(0)
    refused = api.as_(Role.OPERATOR).post(VERIFY, data={"image": (blank, "x.png")})

    assert refused.json["errors"] == [{"field": "image", "message": "no QR symbol can be read in it"}]


def test_keys_that_are_not_there_or_not_safe(make: Callable[..., Api], key_file: Any, tmp_path: Any) -> None:
    missing = make(qr_key=tmp_path / "none.json")
    refused = missing.as_(Role.ADMIN).post(GENERATE, json={"product_id": "P"})
    assert refused.status_code == 409
    assert str(tmp_path) not in refused.text
    without = make(qr_key=None)
    assert without.as_(Role.OPERATOR).post(VERIFY, json={"text": "x"}).status_code == 409


def test_an_articles_history(api: Api, product: Product) -> None:
    store = SqliteStore(product.db)
    rows = [row.row for row in store.history(CODES)]
    store.close()
    ((most, number),) = Counter(row["product_id"] for row in rows).most_common(1)
    viewer = api.as_(Role.VIEWER)
    found: list[Any] = []
    cursor = ""
    while True:
        page = viewer.get(f"/api/v1/qr/{most}/history", query_string={"limit": 2, "cursor": cursor}).json
        found += page["codes"]
        assert all(alert_names(alert, most) for alert in page["alerts"])
        cursor = page["next_cursor"]
        if not cursor:
            break

    assert number > 2
    assert [one["qr_id"] for one in found] == sorted(r["qr_id"] for r in rows if r["product_id"] == most)
    assert all(re.fullmatch(r"issued|active|consumed|revoked|unknown", one["stage"]) for one in found)
    stage = found[0]["stage"]
    some = viewer.get(f"/api/v1/qr/{most}/history", query_string={"stage": stage}).json["codes"]
    assert {one["stage"] for one in some} == {stage}
    assert viewer.get("/api/v1/qr/nothing/history").json["codes"] == []


def alert_names(alert: Any, product: str) -> bool:
    evidence = alert["evidence"]
    return product in (
        [evidence.get(name) for name in ("product_id", "product_sku", "sku", "actual_sku")]
        + evidence.get("product_ids", [])
    )


def test_a_used_up_code_is_genuine_and_not_accepted(api: Api, product: Product) -> None:
    """Its symbol is printed from what the API itself made; the register is the machine's."""
    (item,) = made(api)["items"]
    assert verdict(api, item["text"])["accepted"] is True
    assert png(item["text"])  # any label says no more than its text
    from guardian.engine.plan import HistoryRow, Plan

    row = {
        "qr_id": item["qr_id"],
        "product_id": "P-1",
        "stage": "consumed",
        "location": "WH1/A-01",
        "scans": 2,
        "first_scan": [1_000, "WH1/A-01"],
        "last_scan": [2_000, "WH1/PACK-1"],
        "changed_at": 2_000,
    }
    store = SqliteStore(product.db)
    store.commit(Plan(history=[HistoryRow(CODES, item["qr_id"], 2_000, row)]))
    store.close()

    found = verdict(api, item["text"])
    assert (found["code"], found["genuine"], found["accepted"]) == ("used_up", True, False)
    assert found["registered"]["last_scan_location"] == "WH1/PACK-1"
