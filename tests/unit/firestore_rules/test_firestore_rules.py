"""The rules and their tests speak of the same things as the code: collections, fields, lengths, transitions.

What is generated here is written anew by WRITE_FIXTURES=1 pytest tests/unit/firestore_rules.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from guardian.adapters.google.firestore_documents import (
    CHANGED,
    NARRATIVE_BY,
    alert_fields,
    handling_fields,
    new_alert_fields,
)
from guardian.alerts.handling import (
    ASSIGNEE_CHARS,
    NOTE_CHARS,
    UNTOUCHED,
    Action,
    Handling,
    HandlingChange,
    RefusedChangeError,
    Resolution,
    apply,
)
from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject, Workflow
from tests.unit.firestore_rules.written import ROOT, collections

RULES = ROOT / "firestore_rules"

ALERT = Alert(
    alert_id="0f3a9c5d2b7e4816a1c0d2e4f6081a3b",
    type="BARCODE_SWITCHING",
    severity=Severity.HIGH,
    status=Status.CONFIRMED,
    site="s1",
    subject=Subject("station", "SCC1"),
    event_time=1_790_000_000_000,
    started_at=1_790_000_000_000,
    ended_at=1_790_000_002_000,
    detected_at=1_790_000_003_000,
    evidence={"station_id": "SCC1", "event_ids": [["rfid-readings", "e1"], ["pos-transactions", "e2"]]},
    recommended_actions=("Go there.",),
    narrative="The item is one article, the sale another.",
    detector=DetectorRef("barcode-switching", 1),
)


def test_every_collection_that_the_code_asks_for_has_its_line() -> None:
    named = collections()
    assert named >= {"alerts", "audit", "jobs", "journal", "quarantine_pieces"}  # it does find them
    table = {
        line["path"].rsplit("/", 1)[-1] for line in json.loads((RULES / "tests/access.json").read_bytes())
    }
    assert table == named


def test_the_alert_that_the_rules_are_tested_with_is_as_the_store_writes_it() -> None:
    fields = alert_fields(ALERT) | new_alert_fields()
    del fields[CHANGED]  # the server's time
    people = {*handling_fields(UNTOUCHED), CHANGED}
    _same("tests/alert.json", {"machine": {k: v for k, v in fields.items() if k not in people}})
    written = re.search(r"hasOnly\(\[\s*('workflow'.*?)\s*\]\)", _rules(), re.DOTALL)
    assert written is not None
    assert {*re.findall(r"'(\w+)'", written[1])} == people
    assert NARRATIVE_BY not in people


def test_lengths_are_those_of_the_api() -> None:
    assert f"alert.note.size() <= {NOTE_CHARS}\n" in _rules()
    assert f"alert.assignee.size() <= {ASSIGNEE_CHARS}\n" in _rules()


def test_what_is_allowed_is_what_handling_allows() -> None:
    """Every way from one handling to another that some change makes, as the action that names it."""
    resolutions = {Workflow.RESOLVED: [Resolution.TRUE_POSITIVE, Resolution.FALSE_POSITIVE]}
    befores = [
        Handling(workflow=workflow, resolution=resolution, assignee="u1", note="n")
        for workflow in Workflow
        for resolution in resolutions.get(workflow, [Resolution.NONE])
    ]
    afters = [
        Handling(workflow=workflow, resolution=resolution, assignee=assignee, note=note)
        for workflow in Workflow
        for resolution in Resolution
        for assignee in ("", "u1")
        for note in ("n", "another", " \u2003\n")
    ]
    allowed = [
        (befores.index(before), afters.index(after), action.value)
        for before in befores
        for action in Action
        for after in _outcomes(before, action)
    ]
    table = {
        "befores": [_people(one) for one in befores],
        "afters": [_people(one) for one in afters],
        "actions": [f"alert.{action.value}" for action in Action],
        "allowed": [f"{before} {after} alert.{action}" for before, after, action in sorted({*allowed})],
    }
    _same("tests/allowed.json", table)


def _outcomes(before: Handling, action: Action) -> Iterator[Handling]:
    for resolution, assignee, note in itertools.product(
        (None, *Resolution), (None, "", "u1"), (None, "n", "another", " \u2003\n")
    ):
        change = HandlingChange(action=action, resolution=resolution, assignee=assignee, note=note)
        try:
            after = apply(before, change, "u9", 9)
        except RefusedChangeError:
            # Saying nothing new about a note is the same as giving the old one.
            continue
        yield msgspec.structs.replace(after, changed_by="", changed_at=0, revision=0)


def _people(handling: Handling) -> dict[str, str]:
    fields = handling_fields(handling)
    return {name: fields[name] for name in ("workflow", "resolution", "assignee", "note")}


def test_the_dashboards_queries_have_their_indexes() -> None:
    """What a browser asks for itself; the emulator never asks for an index."""
    indexes = {
        (
            index["collectionGroup"],
            tuple((field["fieldPath"], field["order"]) for field in index["fields"]),
        )
        for index in json.loads((RULES / "firestore.indexes.json").read_bytes())["indexes"]
        if index["queryScope"] == "COLLECTION"
    }
    # workflow in [open, acknowledged], the newest first: one index for all of its values.
    assert ("alerts", (("workflow", "ASCENDING"), ("event_time", "DESCENDING"))) in indexes
    # kind == "stations", the newest first.
    assert ("history", (("kind", "ASCENDING"), ("time", "DESCENDING"))) in indexes


def _rules() -> str:
    return (RULES / "firestore.rules").read_text()


def _same(name: str, content: dict[str, Any]) -> None:
    path: Path = RULES / name
    text = json.dumps(content, indent=1) + "\n"
    if os.environ.get("WRITE_FIXTURES"):
        path.write_text(text)
    assert path.read_text() == text
