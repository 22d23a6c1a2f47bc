"""Product codes, as the API tells them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, Field

from cloud_run.api.answers import iso
from cloud_run.api.models.alerts import AlertItem
from cloud_run.api.models.parameters import Parameters
from cloud_run.api.models.stations import iso_or_none
from guardian.desk_ports import MOST_ITEMS
from guardian.qr.link import MAX_CHARS, MAX_FIELD_CHARS

MOST_CODES = 100
"""Codes that are made at a time."""


class Images(StrEnum):
    """How codes are drawn."""

    NONE = "none"
    SVG = "svg"
    PNG = "png"
    BOTH = "both"


class GenerateCodes(BaseModel):
    """location: where the label belongs; without one, the site. batch: a name for these, kept in the audit.

    gtin: the article's GTIN, 8 to 14 digits.
    """

    product_id: str = Field(min_length=1, max_length=MAX_FIELD_CHARS)
    site: str | None = Field(default=None, max_length=200)
    location: str | None = Field(default=None, min_length=1, max_length=MAX_FIELD_CHARS)
    gtin: str | None = Field(default=None, min_length=8, max_length=14)
    batch: str = Field(default="", max_length=200)
    count: int = Field(default=1, ge=1, le=MOST_CODES)
    images: Images = Images.SVG


class CodeItem(BaseModel):
    """A label. text: what its symbol says. svg: a drawing; png: one in base64; null if not asked for."""

    qr_id: str
    text: str
    svg: str | None
    png: str | None


class CodeList(BaseModel):
    """Labels made together. events: their records for the stream `qr-code-scans`, which tell the
    register of them.
    """

    product_id: str
    location: str
    issued_at: str
    issuer: str
    key_id: str
    items: list[CodeItem]
    events: list[dict[str, Any]]


class VerifyCode(BaseModel):
    """A scanned text, and where it was scanned."""

    text: str = Field(min_length=1, max_length=4 * MAX_CHARS)
    location: str | None = Field(default=None, max_length=MAX_FIELD_CHARS)


class RegisteredCode(BaseModel):
    """A code in the register, as of its last change. stage: issued, active, consumed or revoked."""

    site: str
    qr_id: str
    product_id: str
    stage: str
    location: str
    scans: int
    first_scan_at: str | None
    first_scan_location: str | None
    last_scan_at: str | None
    last_scan_location: str | None
    changed_at: str

    @classmethod
    def of(cls, site: str, row: dict[str, Any]) -> RegisteredCode:
        """From the row the machine keeps."""
        first, last = row["first_scan"] or (None, None), row["last_scan"] or (None, None)
        return cls(
            site=site,
            qr_id=row["qr_id"],
            product_id=row["product_id"],
            stage=row["stage"],
            location=row["location"],
            scans=row["scans"],
            first_scan_at=iso_or_none(first[0]),
            first_scan_location=first[1],
            last_scan_at=iso_or_none(last[0]),
            last_scan_location=last[1],
            changed_at=iso(row["changed_at"]),
        )


class VerdictItem(BaseModel):
    """Whether to believe a code.

    code: `valid`, `legacy`, or why not: `not_a_code`, `unsigned`, `unknown_key`, `revoked_key`,
    `bad_signature`, `revoked_code`, `used_up`. genuine: we have signed it. accepted: genuine, neither
    revoked nor used up. What the text says of itself is believed only if it is genuine. elsewhere: it
    belongs to another place.
    """

    code: str
    genuine: bool
    accepted: bool
    reason: str
    qr_id: str | None
    product_id: str | None
    location: str | None
    issued_at: str | None
    issuer: str | None
    elsewhere: bool | None
    registered: RegisteredCode | None


class VerdictList(BaseModel):
    """A verdict on each code: of a text one, of an image as many as can be read in it."""

    items: list[VerdictItem]


class ProductPath(BaseModel):
    """Which article."""

    product_id: str


class HistoryQuery(Parameters):
    """Which page of its codes."""

    site: str | None = Field(default=None, max_length=200)
    stage: Literal["unknown", "issued", "active", "consumed", "revoked"] | None = None
    limit: int = Field(default=50, ge=1, le=MOST_ITEMS)
    cursor: str = Field(default="", max_length=2_000)


class CodeHistory(BaseModel):
    """An article's codes, and the latest alerts that name it (with the first page only).

    next_cursor: empty on the last page. A page may be short, or empty, and still not be the last.
    """

    product_id: str
    codes: list[RegisteredCode]
    next_cursor: str
    alerts: list[AlertItem]
