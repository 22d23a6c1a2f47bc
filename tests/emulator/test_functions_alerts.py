"""Narrator and notifier as they are deployed: under functions-framework, with a Firestore emulator."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore import Client, DocumentReference

from guardian.adapters.google.firestore_documents import alert_fields, new_alert_fields
from guardian.adapters.google.firestore_narratives import FirestoreNarratives
from guardian.adapters.google.firestore_notices import FirestoreRecords
from guardian.adapters.google.narrative_prompt import PROMPT_VERSION
from guardian.alerts.model import Alert, Status
from guardian.alerts.render import alert_line
from guardian.ports import Narrative
from tests.servers.firestore import PROJECT
from tests.servers.gemini import Gemini, fails, running as gemini_running, tells
from tests.servers.inbox import Web, web
from tests.unit.alerts.alerts import alert
from tests.unit.alerts.documents import document

pytestmark = pytest.mark.emulator

ROOT = Path(__file__).parents[2]
GOOD = "At SCC1 7 customers wait."
READY_S = 60.0


@pytest.fixture
def site() -> str:
    return f"site-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def client(firestore_emulator: str) -> Client:
    return Client(project=PROJECT)


@pytest.fixture(scope="module")
def gemini() -> Iterator[Gemini]:
    with gemini_running() as server:
        yield server


@pytest.fixture(scope="module")
def inbox() -> Iterator[Web]:
    with web() as server:
        yield server


@pytest.fixture(scope="module")
def narrator(
    firestore_emulator: str, gemini: Gemini, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    settings = {"GUARDIAN_GEMINI_API_KEY": "key-for-tests", "GUARDIAN_GEMINI_BASE_URL": gemini.url}
    with function("alert_narrator", "narrate", settings, tmp_path_factory.mktemp("narrator")) as url:
        yield url


@pytest.fixture(scope="module")
def notifier(firestore_emulator: str, inbox: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("notifier")
    (folder / "notify.toml").write_text(
        '[channels.desk]\nkind = "webhook"\nurl = "env:HOOK"\nsecret = "env:HOOK_SECRET"\ntimeout_s = 5.0\n'
        '[[routes]]\nchannels = ["desk"]\n[retries]\nattempts = 2\nfirst_s = 0.01\n'
    )
    settings = {
        "GUARDIAN_NOTIFY_SETTINGS": str(folder / "notify.toml"),
        "HOOK": f"{inbox.url}/hook",
        "HOOK_SECRET": "0123456789abcdef",
    }
    with function("notifier", "notify", settings, folder) as url:
        yield url


@contextlib.contextmanager
def function(name: str, target: str, settings: dict[str, str], folder: Path) -> Iterator[str]:
    """The function in a process of its own; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    output = folder / "output.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "functions_framework",
                "--target",
                target,
                "--source",
                str(ROOT / "functions" / name / "main.py"),
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ],
            env=os.environ | settings,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    url = f"http://127.0.0.1:{port}/projects/{PROJECT}/topics/fraud-alerts"
    try:
        deadline = time.monotonic() + READY_S
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(output.read_text(errors="replace"))
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def wrapped(found: Alert) -> tuple[dict[str, str], bytes]:
    message = {
        "data": base64.b64encode(alert_line(found, UTC)).decode(),
        "messageId": "1",
        "attributes": {"a": "b"},
    }
    body = json.dumps({"message": message, "subscription": f"projects/{PROJECT}/subscriptions/s"})
    return {"content-type": "application/json"}, body.encode()


def eventarc(found: Alert) -> tuple[dict[str, str], bytes]:
    headers, body = wrapped(found)
    return headers | {
        "ce-id": "1",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-source": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/fraud-alerts",
    }, body


def unwrapped(found: Alert) -> tuple[dict[str, str], bytes]:
    headers = {
        "content-type": "application/json",
        "ce-id": "1",
        "ce-specversion": "1.0",
        "ce-type": "guardian.alert",
        "ce-source": "//guardian",
    }
    return headers, alert_line(found, UTC)


SHAPES = [wrapped, eventarc, unwrapped]


def push(url: str, headers: dict[str, str], body: bytes) -> int:
    """The answer's status."""
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def stored(client: Client, found: Alert, **changes: Any) -> Any:
    """Stores the alert as the correlator does; its document."""
    reference = client.document("sites", found.site, "alerts", found.alert_id)
    reference.set(alert_fields(found) | new_alert_fields() | changes)
    return reference


@pytest.mark.parametrize("shape", SHAPES)
def test_a_narrative_is_written(client: Client, site: str, gemini: Gemini, narrator: str, shape: Any) -> None:
    gemini.answers = [tells(GOOD)]
    found = alert(site=site)
    reference = stored(client, found, note="seen")
    assert push(narrator, *shape(found)) == 200
    fields = reference.get().to_dict()
    assert fields["narrative"].startswith(GOOD)
    assert fields["narrative_by"] == {
        "model": "gemini-2.5-flash",
        "prompt_version": PROMPT_VERSION,
        "confidence": "medium",
    }
    assert fields["note"] == "seen"
    asked = len(gemini.requests)
    assert push(narrator, *shape(found)) == 200  # delivered again: nothing is asked twice
    assert len(gemini.requests) == asked


@pytest.mark.parametrize("answer", [tells("At SCC1 8 customers wait."), fails(400)])
def test_the_template_stays(client: Client, site: str, gemini: Gemini, narrator: str, answer: Any) -> None:
    gemini.answers = [answer]
    found = alert(site=site)
    reference = stored(client, found)
    assert push(narrator, *wrapped(found)) == 200
    assert reference.get().to_dict()["narrative"] == found.narrative
    assert "narrative_by" not in reference.get().to_dict()


def test_what_has_changed_while_it_was_told_is_left(
    client: Client, site: str, gemini: Gemini, narrator: str
) -> None:
    found = alert(site=site)
    reference = stored(client, found)

    def change_first(request: dict[str, Any]) -> tuple[int, bytes]:
        reference.update({"count": found.count + 1})
        return tells(GOOD)(request)

    gemini.answers = [change_first]
    assert push(narrator, *wrapped(found)) == 200
    assert reference.get().to_dict()["narrative"] == found.narrative


@pytest.mark.parametrize("changes", [{"status": "confirmed"}, {"severity": "high"}, {"narrative": "newer"}])
def test_an_outdated_message_asks_nothing(
    client: Client, site: str, gemini: Gemini, narrator: str, changes: dict[str, str]
) -> None:
    gemini.answers = [tells(GOOD)]
    asked = len(gemini.requests)
    reference = stored(client, alert(site=site), **changes)
    assert push(narrator, *wrapped(alert(site=site))) == 200
    assert len(gemini.requests) == asked
    assert not FirestoreNarratives(client).write(document(site=site), Narrative("t", "m", "v", "low"))
    assert "narrative_by" not in reference.get().to_dict()


def test_a_note_taken_meanwhile_does_no_harm(client: Client, site: str) -> None:
    reference = stored(client, alert(site=site))
    reference.update({"note": "first"})
    assert FirestoreNarratives(client).write(document(site=site), Narrative("t", "m", "v", "low"))
    assert reference.get().to_dict()["note"] == "first"


@pytest.mark.parametrize(
    ("change", "written"), [({"count": 99}, False), ({"narrative": "newer"}, False), ({"note": "mine"}, True)]
)
def test_a_change_between_reading_and_writing(
    client: Client, site: str, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], written: bool
) -> None:
    reference = stored(client, alert(site=site))
    get, changes = DocumentReference.get, [change]

    def get_and_change(self: DocumentReference, *given: Any, **named: Any) -> Any:
        found = get(self, *given, **named)
        if changes:
            reference.update(changes.pop())
        return found

    monkeypatch.setattr(DocumentReference, "get", get_and_change)
    narrative = Narrative("told", "m", "v", "low")
    assert FirestoreNarratives(client).write(document(site=site), narrative) is written
    fields = reference.get().to_dict()
    assert (fields["narrative"] == "told") is written
    assert change.items() <= fields.items()


@pytest.mark.parametrize("body", [b'{"message": {"data": "e30=", "messageId": "1"}}', b'{"alert": 1}'])
def test_what_cannot_be_read_is_not_sent_again(narrator: str, notifier: str, body: bytes) -> None:
    headers = unwrapped(alert())[0]
    assert push(narrator, headers, body) == 200
    assert push(notifier, headers, body) == 200


@pytest.mark.parametrize("shape", SHAPES)
def test_a_notice_is_sent_once(client: Client, site: str, inbox: Web, notifier: str, shape: Any) -> None:
    inbox.statuses = [200]
    before = len(inbox.posts)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: push(notifier, *shape(alert(site=site))), range(4)))
    assert push(notifier, *shape(alert(site=site))) == 200
    assert push(notifier, *shape(alert(site=site, status=Status.CLEARED))) == 200
    told = [json.loads(body)["title"].split(":")[0] for _, _, body in inbox.posts[before:]]
    assert told == ["MEDIUM, suspected", "CLEARED"]
    (notice, _) = sorted(
        client.collection("sites", site, "notices").stream(), key=lambda found: -len(found.id)
    )
    assert notice.get("done") is True


def test_a_notice_that_failed_is_asked_for_again(site: str, inbox: Web, notifier: str) -> None:
    before = len(inbox.posts)
    inbox.statuses = [503, 503, 200]
    assert push(notifier, *wrapped(alert(site=site))) == 500
    assert push(notifier, *wrapped(alert(site=site))) == 200
    assert len(inbox.posts) - before == 3


def test_claims_in_firestore(client: Client, site: str) -> None:
    now = [datetime(2025, 6, 3, tzinfo=UTC)]
    one, two = (FirestoreRecords(client, now=lambda: now[0]) for _ in range(2))
    assert one.claim(site, "k")
    assert not two.claim(site, "k")
    two.release(site, "k")  # not its own
    assert one.states(site, ["k", "other"]) == {"k": False}
    now[0] += timedelta(seconds=121)
    assert one.states(site, ["k"]) == {}
    assert two.claim(site, "k")
    one.release(site, "k")  # has passed to the other
    assert two.states(site, ["k"]) == {"k": False}
    two.done(site, "k")
    now[0] += timedelta(days=1)
    assert one.states(site, ["k"]) == {"k": True}
    assert not one.claim(site, "k")
    assert one.claim(site, "again")
    one.release(site, "again")
    assert two.claim(site, "again")


def test_one_of_many_gets_the_claim(client: Client, site: str) -> None:
    now = [datetime(2025, 6, 3, tzinfo=UTC)]
    all_of_them = [FirestoreRecords(client, now=lambda: now[0]) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):  # the first time it is new, then it has just ended
            assert sum(pool.map(lambda records: records.claim(site, "k"), all_of_them)) == 1
            now[0] += timedelta(seconds=121)
