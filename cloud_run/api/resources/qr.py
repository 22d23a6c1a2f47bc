"""Product codes: made, verified, and what has become of them."""

from __future__ import annotations

import base64
import secrets
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from flask import Response, request
from flask_openapi3 import OpenAPI
from pydantic import ValidationError

from cloud_run.api.alert_items import AlertItems
from cloud_run.api.answers import answer, answers, iso, resource
from cloud_run.api.models.alerts import AlertItem
from cloud_run.api.models.qr import (
    CodeHistory,
    CodeItem,
    CodeList,
    GenerateCodes,
    HistoryQuery,
    Images,
    ProductPath,
    RegisteredCode,
    VerdictItem,
    VerdictList,
    VerifyCode,
)
from cloud_run.api.parts import Parts, Records
from cloud_run.api.problems import Problem, bad_value, not_found, validation_response
from cloud_run.api.row_pages import page, sites_of
from cloud_run.api.security import current_user, requires, site_scope
from guardian.adapters.embedded.key_file import KeyFile
from guardian.adapters.labels import LabelError
from guardian.desk_ports import AlertQuery, AuditEntry, Role
from guardian.detectors.warehouse.code_registry import CODES, REVOKED_CODE, USED_UP
from guardian.events.warehouse import QR_ISSUED
from guardian.ports import KeyStoreError
from guardian.qr.code import ProductCode
from guardian.qr.keys import KeyRing, KeyRingError
from guardian.qr.link import LinkError, gtin_14
from guardian.qr.sign import sign
from guardian.qr.verify import Verdict, Verifier
from guardian.runtime.composition import site_codes
from guardian.runtime.settings import SettingsError

SERIAL_BYTES: Final = 10
"""80 random bits: nobody guesses one that exists."""
IMAGE_BYTES: Final = 5 << 20
MOST_IN_IMAGE: Final = 50
"""Codes of one image that are judged."""
ALERTS: Final = 50
_VERIFY_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": VerifyCode.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "location": {"type": "string"},
                    },
                    "required": ["image"],
                }
            },
        },
    }
}


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `qr`."""
    if parts.records is None:
        return
    rows, items = parts.records.rows, AlertItems(parts.catalogue)
    codes = Codes(parts, parts.records)
    api = resource("qr", "Product codes.")

    @api.post("/qr/generate", summary="Make signed codes", responses=answers(CodeList, 404, 409, status=201))
    @requires(Role.ADMIN)
    def generate(body: GenerateCodes) -> Response:
        user = current_user()
        site = body.site or parts.records.site.site  # type: ignore[union-attr]
        if not user.sees(site):
            raise not_found("site")
        made = codes.make(body, body.location or site, user.id)
        detail = {"batch": body.batch, "location": made.location, "qr_ids": [one.qr_id for one in made.items]}
        parts.desk.record(
            AuditEntry(
                id="",
                at=codes.now(),
                by=user.id,
                site=site,
                action="qr.generate",
                subject=body.product_id,
                detail=detail,
            )
        )
        return answer(made, 201)

    @api.post(
        "/qr/verify",
        summary="Whether to believe a code: a scanned text, or an image",
        responses=answers(VerdictList, 400, 409, 413, 415),
        openapi_extensions=_VERIFY_BODY,
    )
    @requires(Role.OPERATOR)
    def verify() -> Response:
        verifier = codes.verifier()
        if request.mimetype == "multipart/form-data":
            location = request.form.get("location") or None
            texts = _texts_of_image()
        elif request.is_json:
            try:
                body = VerifyCode.model_validate(request.get_json())
            except ValidationError as error:
                return validation_response(error)
            location, texts = body.location, [body.text]
        else:
            raise Problem(415, "unsupported-media-type", "expected JSON with a text, or a form with an image")
        verdicts = [codes.judged(verifier.check(text), location) for text in texts]
        return answer(VerdictList(items=verdicts))

    @api.get("/qr/<string:product_id>/history", summary="An article's codes", responses=answers(CodeHistory))
    def history(path: ProductPath, query: HistoryQuery) -> Response:
        scope = site_scope(query.site)

        def wanted(row: dict[str, Any]) -> bool:
            return row["product_id"] == path.product_id and query.stage in {None, row["stage"]}

        found, cursor = page(
            rows, sites_of(rows, scope), CODES, keep=wanted, limit=query.limit, cursor=query.cursor
        )
        alerts = [] if query.cursor else _alerts(path.product_id, scope)
        return answer(
            CodeHistory(
                product_id=path.product_id,
                codes=[RegisteredCode.of(site, row.row) for site, row in found],
                next_cursor=cursor,
                alerts=alerts,
            )
        )

    def _alerts(product: str, scope: tuple[str, ...] | None) -> list[AlertItem]:
        query = AlertQuery(sites=scope, text=product[:200], limit=4 * ALERTS)
        found = [one for one in parts.desk.find(query).items if _names(one.alert.evidence, product)]
        return [items.item(one) for one in found[:ALERTS]]

    app.register_api(api)


class Codes:
    """Makes and judges codes, with the keys as they are in their files now."""

    def __init__(self, parts: Parts, records: Records) -> None:
        self._keys = parts.settings.qr_key
        self._records = records
        self._clock = parts.clock

    def now(self) -> int:
        """The clock, epoch ms."""
        return int(self._clock() * 1000)

    def make(self, wanted: GenerateCodes, location: str, issuer: str) -> CodeList:
        """New codes, each with a serial of its own: all or none. Raises a Problem."""
        ring = self._ring()
        if ring is None:
            raise Problem(409, "no-keys", "this site has no key file to sign codes with")
        at = self.now()
        try:
            key = ring.signing_key()
            gtin = None if wanted.gtin is None else gtin_14(wanted.gtin)
            made = []
            for _ in range(wanted.count):
                code = ProductCode(
                    product_id=wanted.product_id,
                    serial=base64.b32encode(secrets.token_bytes(SERIAL_BYTES)).decode("ascii"),
                    location=location,
                    issued_at=at,
                    issuer=issuer,
                    gtin=gtin,
                )
                made.append((code, sign(code, key)))
            drawn = [_drawn(code, text, wanted.images) for code, text in made]
        except LinkError as error:
            raise bad_value(str(error).partition(":")[0], str(error)) from None
        except LabelError as error:
            raise bad_value("images", str(error)) from None
        except KeyRingError:
            raise Problem(409, "no-keys", "there is no key to sign with") from None
        return CodeList(
            product_id=wanted.product_id,
            location=location,
            issued_at=iso(at),
            issuer=issuer,
            key_id=key.key_id,
            items=drawn,
            events=[_issued(code, text) for code, text in made],
        )

    def verifier(self) -> Verifier:
        """What verifies the site's codes. Raises a Problem."""
        ring = self._ring()
        if ring is not None:
            return Verifier(ring.public(), ring.legacy())
        try:
            found = site_codes(self._records.site)
        except SettingsError:
            found = None
        if found is None:
            raise Problem(409, "no-keys", "this site has no keys to verify codes with")
        return found

    def judged(self, verdict: Verdict, location: str | None) -> VerdictItem:
        """A verdict with what the register knows of the code."""
        code = verdict.code
        registered = None if code is None else self._registered(code.serial)
        outcome, reason = verdict.outcome.value, verdict.why
        accepted = verdict.genuine
        if verdict.genuine and registered is not None and registered.stage in {"revoked", "consumed"}:
            accepted = False
            outcome = REVOKED_CODE if registered.stage == "revoked" else USED_UP
            reason = f"genuine, but {registered.stage} since {registered.changed_at}"
        return VerdictItem(
            code=outcome,
            genuine=verdict.genuine,
            accepted=accepted,
            reason=reason,
            qr_id=code.serial if code else None,
            product_id=code.product_id if code else None,
            location=code.location if code else None,
            issued_at=_iso_if_possible(code.issued_at) if code else None,
            issuer=code.issuer if code else None,
            elsewhere=None if code is None or location is None else code.location != location,
            registered=registered,
        )

    def _registered(self, serial: str) -> RegisteredCode | None:
        rows = self._records.rows
        for site in sites_of(rows, site_scope(None)):
            row = rows.get(site, CODES, serial)
            if row is not None:
                return RegisteredCode.of(site, row.row)
        return None

    def _ring(self) -> KeyRing | None:
        if self._keys is None:
            return None
        try:
            return KeyFile(self._keys).load()
        except KeyStoreError:
            # Its text tells where the keys are: that is for the log of whoever set it up.
            raise Problem(409, "no-keys", "the key file cannot be used") from None


def _drawn(code: ProductCode, text: str, images: Images) -> CodeItem:
    svg = png = None
    if images is not Images.NONE:
        from guardian.adapters.labels.drawing import png as draw_png, svg as draw_svg

        caption = f"{code.product_id} {code.serial}"
        if images in {Images.SVG, Images.BOTH}:
            svg = draw_svg(text, caption)
        if images in {Images.PNG, Images.BOTH}:
            png = base64.b64encode(draw_png(text, caption)).decode()
    return CodeItem(qr_id=code.serial, text=text, svg=svg, png=png)


def _issued(code: ProductCode, text: str) -> dict[str, Any]:
    """The record of an issue, for the stream."""
    return {
        "product_id": code.product_id,
        "location": code.location,
        "timestamp": iso(code.issued_at),
        "action": QR_ISSUED,
        "qr_id": code.serial,
        "qr_data": text,
        "generated_by": code.issuer,
    }


def _texts_of_image() -> list[str]:
    """The codes in the image that was sent. Raises a Problem."""
    image = request.files.get("image")
    if image is None:
        raise bad_value("image", "required, but missing")
    content = image.stream.read(IMAGE_BYTES + 1)
    if len(content) > IMAGE_BYTES:
        raise Problem(413, "too-large", f"an image may have {IMAGE_BYTES >> 20} MB")
    try:
        from guardian.adapters.labels.reading import read_codes

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "image"
            path.write_bytes(content)
            texts = read_codes(path)
    except LabelError:
        raise bad_value("image", "not an image that can be read") from None
    if not texts:
        raise bad_value("image", "no QR symbol can be read in it")
    return texts[:MOST_IN_IMAGE]


def _names(evidence: dict[str, Any], product: str) -> bool:
    """Whether an alert is about this article, and does not only have its name in a text."""
    if any(evidence.get(name) == product for name in ("product_id", "product_sku", "sku", "actual_sku")):
        return True
    several = evidence.get("product_ids")
    return isinstance(several, list) and product in several


def _iso_if_possible(ms: int) -> str | None:
    """A time that a stranger has written: it may lie beyond all calendars."""
    try:
        datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return iso(ms)
