"""`guardian qr`, as a process."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from guardian.events.decode import Decoder
from guardian.events.model import Event
from guardian.events.times import TimeParser, parse_zone
from guardian.events.topics import QR_SCANS
from guardian.qr.keys import PublicKeys, SigningKey
from guardian.qr.legacy import write as write_legacy
from guardian.qr.sign import sign
from guardian.qr.verify import Outcome, Verifier, claimed_serial
from tests.e2e.conftest import Guardian
from tests.unit.qr.codes import CODE, SECRET

pytestmark = pytest.mark.e2e

GTIN_13 = "7032069804988"


@pytest.fixture
def keys(tmp_path: Path, guardian: Guardian) -> Path:
    path = tmp_path / "guardian.keys"
    guardian("qr", "keygen", "--keys", path)
    return path


@pytest.fixture
def public(tmp_path: Path, guardian: Guardian, keys: Path) -> Path:
    path = tmp_path / "qr_keys.json"
    guardian("qr", "public", "--keys", keys, "--out", path)
    return path


def issue(guardian: Guardian, keys: Path, *more: object) -> list[str]:
    done = guardian(
        "qr", "issue", "--keys", keys, "--issuer", "E7", "--product", "P-1", "--location", "WH1/A-01", *more
    )
    return done.stdout.splitlines()


def records(path: Path) -> list[Event]:
    """The records of a file, as the running product reads them."""
    decoder = Decoder(TimeParser(parse_zone("UTC"), 2**53))
    decoded = [
        decoder.decode_value(QR_SCANS, line, "f", number)
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
    ]
    events = [event for event in decoded if isinstance(event, Event)]
    assert len(events) == len(decoded), decoded
    return events


def test_issued_codes_are_genuine_and_registered(
    guardian: Guardian, keys: Path, public: Path, tmp_path: Path
) -> None:
    table, urls, events = tmp_path / "t.csv", tmp_path / "urls.txt", tmp_path / "qr-code-scans.jsonl"
    table.write_text(f"product,location,gtin\nP-1,WH1/A-01,{GTIN_13}\nP ü,WH1/A-02,\n", "utf-8")
    events.write_bytes(
        b'{"product_id":"X","location":"L","timestamp":1718000000000,"qr_id":"Q","scanner_id":"S"}'
    )
    guardian(
        "qr", "issue", "--keys", keys, "--issuer", "E7", "--from", table, "--count", 3,
        "--out", urls, "--events", events, "--host", "codes.example.com",
    )  # fmt: skip
    texts = urls.read_text("utf-8").splitlines()
    verifier = Verifier(PublicKeys.from_json(public.read_bytes()))
    verdicts = [verifier.check(text) for text in texts]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.VALID] * 6
    codes = [verdict.code for verdict in verdicts if verdict.code is not None]
    assert [(code.product_id, code.gtin) for code in codes[::3]] == [("P-1", f"0{GTIN_13}"), ("P ü", None)]
    assert len({code.serial for code in codes}) == 6
    assert all(text.startswith("https://codes.example.com/") for text in texts)
    _, *issued = records(events)
    assert [
        (event.value.action, event.value.qr_data, event.value.qr_id, event.value.generated_by, event.time)
        for event in issued
    ] == [
        ("qr_issued", text, code.serial, "E7", code.issued_at)
        for text, code in zip(texts, codes, strict=True)
    ]


def test_keys_are_rotated_and_revoked(guardian: Guardian, keys: Path, public: Path) -> None:
    first = json.loads(public.read_text("utf-8"))["keys"][0]["key_id"]
    (before,) = issue(guardian, keys)
    second = guardian("qr", "rotate", "--keys", keys).stdout.strip()
    (after,) = issue(guardian, keys)
    assert f"kid={first}&" in before
    assert f"kid={second}&" in after
    for text in (before, after):
        guardian("qr", "verify", text, "--keys", keys)
    assert guardian("qr", "verify", after, "--public", public, check=False).stdout.startswith("unknown_key: ")
    guardian("qr", "revoke-key", first, "--keys", keys)
    done = guardian("qr", "verify", before, "--keys", keys, check=False)
    assert (done.returncode, done.stdout.split(":")[0]) == (1, "revoked_key")
    guardian("qr", "verify", after, "--keys", keys)
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_a_second_keygen_destroys_nothing(guardian: Guardian, keys: Path) -> None:
    before = keys.read_bytes()
    done = guardian("qr", "keygen", "--keys", keys, check=False)
    assert (done.returncode, keys.read_bytes()) == (2, before)


def test_why_a_code_fails_in_one_line(guardian: Guardian, keys: Path, public: Path) -> None:
    (text,) = issue(guardian, keys)
    cases = {
        text.replace("A-01", "A-02"): "bad_signature",
        text.rpartition("&")[0]: "unsigned",
        sign(CODE, SigningKey(bytes(32))): "unknown_key",
        "hello": "not_a_code",
        write_legacy(SECRET, CODE, "2024-06-10"): "unknown_key",
    }
    for altered, outcome in cases.items():
        done = guardian("qr", "verify", altered, "--public", public, check=False)
        assert done.returncode == 1
        assert done.stdout.startswith(f"{outcome}: ")
        assert len(done.stdout.splitlines()) == 1


def test_codes_of_the_older_kind_with_their_secret(guardian: Guardian, tmp_path: Path) -> None:
    secret, keys = tmp_path / "secret", tmp_path / "keys"
    secret.write_bytes(SECRET + b"\n")
    guardian("qr", "keygen", "--keys", keys, "--legacy-secret-file", secret)
    done = guardian("qr", "verify", write_legacy(SECRET, CODE, "2024-06-10"), "--keys", keys)
    assert done.stdout.startswith("legacy: ")


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_labels_are_drawn(guardian: Guardian, keys: Path, public: Path, tmp_path: Path, kind: str) -> None:
    (text,) = issue(guardian, keys)
    label = tmp_path / f"label.{kind}"
    guardian("qr", "render", text, "--out", label)
    if kind == "png":
        guardian("qr", "verify", label, "--public", public)
    else:
        assert claimed_serial(text) in label.read_text("utf-8")


def test_an_altered_label_is_not_genuine_as_an_image(
    guardian: Guardian, keys: Path, public: Path, tmp_path: Path
) -> None:
    (text,) = issue(guardian, keys)
    label = tmp_path / "label.png"
    guardian("qr", "render", text.replace("P-1", "P-2"), "--out", label)
    done = guardian("qr", "verify", label, "--public", public, check=False)
    assert (done.returncode, done.stdout.split(":")[0]) == (1, "bad_signature")


def test_sheets_are_printed(guardian: Guardian, keys: Path, tmp_path: Path) -> None:
    urls, sheet = tmp_path / "urls.txt", tmp_path / "sheet.pdf"
    issue(guardian, keys, "--count", 30, "--out", urls)
    guardian("qr", "sheet", urls, "--out", sheet)
    assert sheet.read_bytes().startswith(b"%PDF-")


def test_a_code_is_revoked_by_its_id(guardian: Guardian, keys: Path, tmp_path: Path) -> None:
    events = tmp_path / "qr-code-scans.jsonl"
    (text,) = issue(guardian, keys, "--events", events)
    serial = claimed_serial(text)
    assert serial is not None
    guardian("qr", "revoke", serial, "--issuer", "E8", "--events", events)
    guardian(
        "qr", "revoke", "UNKNOWN", "--issuer", "E8", "--events", events, "--product", "P", "--location", "L"
    )
    rows = [event.value for event in records(events)[1:]]
    assert [(row.action, row.qr_id, row.product_id, row.location, row.generated_by) for row in rows] == [
        ("qr_revoked", serial, "P-1", "WH1/A-01", "E8"),
        ("qr_revoked", "UNKNOWN", "P", "L", "E8"),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("issue", "--issuer", "E7", "--product", "P-1"),
        ("issue", "--issuer", "E7", "--product", "P-1", "--location", "L", "--gtin", "123"),
        ("issue", "--issuer", "E7", "--product", "P-1", "--location", "L", "--host", "UPPER"),
        ("issue", "--issuer", "E7", "--from", "/nowhere.csv"),
        ("revoke-key", "ffffffffffffffff"),
        ("public", "--out", "/nowhere/at/all"),
        ("verify", "--keys", "/nowhere", "x"),
        ("verify", "x"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_misuse_ends_with_status_2_and_one_line(
    guardian: Guardian, keys: Path, arguments: tuple[str, ...]
) -> None:
    private = () if arguments[0] in {"verify", "nonsense"} else ("--keys", keys)
    done = guardian("qr", *arguments, *private, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_row_that_cannot_be_issued_leaves_nothing_behind(
    guardian: Guardian, keys: Path, tmp_path: Path
) -> None:
    table, urls, events = tmp_path / "t.csv", tmp_path / "urls.txt", tmp_path / "qr-code-scans.jsonl"
    table.write_text("product,location,gtin\nP-1,L,\nP-2,L,12345678\n", "utf-8")
    done = guardian(
        "qr", "issue", "--keys", keys, "--issuer", "E7", "--from", table, "--out", urls, "--events", events,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "P-2" in done.stderr
    assert not urls.exists()
    assert not events.exists()


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['segno'] = None; sys.argv[1:] = ['qr', 'render', 'x', '--out', 'l.png']; "
        "from guardian.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "business-guardian[labels]" in done.stderr
    assert len(done.stderr.splitlines()) == 1
