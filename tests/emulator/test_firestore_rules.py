"""What a browser writes under the security rules, as the API reads it. The rules have tests of their own."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from google.cloud.firestore import Client

from guardian.adapters.google.firestore_desk import FirestoreDesk
from guardian.adapters.google.firestore_documents import handling_fields
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.alerts.handling import Action, Handling, HandlingChange
from guardian.alerts.model import Workflow
from guardian.engine.plan import Plan
from stack.emulators import firestore_client
from tests.unit.firestore_rules.test_firestore_rules import ALERT, RULES

pytestmark = pytest.mark.emulator

OTTO = "otto"


class Browser:
    """A signed-in operator with nothing but a token."""

    def __init__(self, emulator: str, project: str) -> None:
        self._documents = f"projects/{project}/databases/(default)/documents"
        self._address = f"http://{emulator}/v1/{self._documents}"
        content = {"sub": OTTO, "user_id": OTTO, "role": "operator", "sites": [ALERT.site]}
        self._token = ".".join([_encoded({"alg": "none", "typ": "JWT"}), _encoded(content), ""])

    def change(self, before: Handling, after: Handling, action: str, detail: Any = None) -> int:
        """HTTP status. detail: something else for the audit."""
        told = {"before": msgspec.to_builtins(before), "after": msgspec.to_builtins(after)}
        row = {
            "number": float(after.changed_at * 1_000_000 + 500_000),  # as JavaScript has it
            "at": after.changed_at,
            "by": OTTO,
            "site": ALERT.site,
            "action": action,
            "subject": ALERT.alert_id,
            "detail": told if detail is None else detail,
        }
        site = f"{self._documents}/sites/{ALERT.site}"
        row_id = f"{ALERT.alert_id}-{int(after.revision)}"
        fields = handling_fields(after)
        writes = [
            {
                "update": {"name": f"{site}/alerts/{ALERT.alert_id}", "fields": _fields(fields)},
                "updateMask": {"fieldPaths": list(fields)},
                "updateTransforms": [{"fieldPath": "changed", "setToServerValue": "REQUEST_TIME"}],
            },
            {
                "update": {
                    "name": f"{site}/audit/{row_id}",
                    "fields": _fields(row),
                },
                "currentDocument": {"exists": False},
            },
        ]
        request = urllib.request.Request(
            f"{self._address}:commit",
            data=json.dumps({"writes": writes}).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@pytest.fixture
def client(firestore_emulator: str) -> Iterator[Client]:
    """Of a project of its own, since rules hold for a whole one."""
    made = firestore_client(firestore_emulator, f"rules-{uuid.uuid4().hex[:8]}")
    address = f"http://{firestore_emulator}/emulator/v1/projects/{made.project}:securityRules"
    rules = {"rules": {"files": [{"name": "rules", "content": (RULES / "firestore.rules").read_text()}]}}
    request = urllib.request.Request(address, data=json.dumps(rules).encode(), method="PUT")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    yield made
    made.close()  # type: ignore[no-untyped-call]


def test_a_browsers_change_is_a_change_like_any_other(firestore_emulator: str, client: Client) -> None:
    FirestoreStore(client, ALERT.site).commit(Plan(alerts={ALERT.alert_id: ALERT}))
    desk, browser = FirestoreDesk(client), Browser(firestore_emulator, client.project)
    before = desk.get(ALERT.site, ALERT.alert_id).handling

    acknowledged = msgspec.structs.replace(
        before,
        workflow=Workflow.ACKNOWLEDGED,
        note="Möglich \U0001f6a8",
        changed_by=OTTO,
        changed_at=_now(),
        revision=1,
    )
    # Were a text allowed, nobody could tell whether it is true, or whether it can be read at all.
    assert browser.change(before, acknowledged, "alert.acknowledge", "{") == 403
    # As broken numbers they would be equal, and no whole ones for whoever reads them.
    for broken in ({"revision": 1.0}, {"changed_at": float(acknowledged.changed_at)}):
        inexact = msgspec.structs.replace(acknowledged, **broken)
        assert browser.change(before, inexact, "alert.acknowledge") == 403
    assert browser.change(before, acknowledged, "alert.acknowledge") == 200
    assert browser.change(before, acknowledged, "alert.acknowledge") == 403
    assert desk.get(ALERT.site, ALERT.alert_id).handling == acknowledged

    # The API goes on from there, and a browser after it.
    note = HandlingChange(action=Action.NOTE, note="Looking.")
    noted = desk.change(ALERT.site, ALERT.alert_id, 1, note, "ann", _now()).handling
    assigned = msgspec.structs.replace(noted, assignee="ann", changed_by=OTTO, changed_at=_now(), revision=3)
    assert browser.change(noted, assigned, "alert.assign") == 200

    history = desk.history(ALERT.site, ALERT.alert_id)
    assert [(one.action, one.by) for one in history] == [
        ("alert.acknowledge", OTTO),
        ("alert.note", "ann"),
        ("alert.assign", OTTO),
    ]
    assert history[0].detail == {
        "before": msgspec.to_builtins(before),
        "after": msgspec.to_builtins(acknowledged),
    }
    latest, cursor = [], ""
    for _ in history:
        (entry,), cursor = desk.audit((ALERT.site,), 1, cursor)
        latest.append(entry)
    assert cursor == ""
    assert sorted(latest, key=lambda one: one.detail["after"]["revision"]) == history


def _now() -> int:
    return int(time.time() * 1_000)


def _encoded(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in values.items()}


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"mapValue": {"fields": _fields(value)}}
    if isinstance(value, int):
        return {"integerValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}
