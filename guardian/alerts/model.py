"""The alert: one finding, growing for as long as its episode lasts.

An alert is identified by what it is about (site, type, key, episode), never by when or how often it was
computed, so recomputing it after a crash or a redelivery gives the same id and changes nothing.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any

import msgspec


class Severity(StrEnum):
    """How much a person should hurry, from a note in a report to "walk there now"."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Status(StrEnum):
    """The machine's own verdict. What people do with the alert is kept apart from it (`Workflow`)."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    CLEARED = "cleared"


class Workflow(StrEnum):
    """What people have done with the alert. The machine never changes it."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Subject(msgspec.Struct, frozen=True):
    """Who or what the alert is about: kind ("station", "sku", "customer", "site", …) and its identifier."""

    kind: str
    id: str


class DetectorRef(msgspec.Struct, frozen=True):
    """Which detector, in which version of its rule, raised the alert."""

    id: str
    version: int


class Alert(msgspec.Struct, kw_only=True):
    """One finding in its latest state. All times are epoch milliseconds UTC.

    event_time: the moment the alert points at (the read that was not paid for, the start of a queue).
    started_at, ended_at: the episode so far; equal to event_time for a single event.
    detected_at: event time at which the alert was first raised.
    count: events that make up the episode.
    evidence: facts by the names of the evidence vocabulary (docs/alerts.md); values are JSON plain.
    """

    alert_id: str
    type: str
    severity: Severity
    status: Status
    site: str
    subject: Subject
    event_time: int
    started_at: int
    ended_at: int
    detected_at: int
    count: int = 1
    evidence: dict[str, Any]
    recommended_actions: tuple[str, ...] = ()
    narrative: str = ""
    detector: DetectorRef


def alert_id(site: str, type_: str, key: str, episode: str) -> str:
    """A stable id: 96 bits of BLAKE2b over site, type, key and the episode's anchor."""
    text = "\x1f".join((site, type_, key, episode)).encode("utf-8", "surrogatepass")
    return "al_" + hashlib.blake2b(text, digest_size=12).hexdigest()
