"""Codes of the older kind: still genuine, and no easier to forge than their secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from guardian.qr.legacy import mac_of, write
from guardian.qr.verify import Outcome, claimed_serial
from tests.unit.qr.codes import CODE, SECRET, code, verifier

ISSUED = "2024-06-10T06:13:20+00:00"
TEXT = write(SECRET, CODE, ISSUED)
FIELDS: dict[str, Any] = json.loads(TEXT)

words = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="|"), min_size=1, max_size=20
)


def outcome(fields: dict[str, Any]) -> Outcome:
    return verifier().check(json.dumps(fields)).outcome


def test_the_signature_is_the_hmac_of_the_fields_in_their_order() -> None:
    signed = f"P-1|WH1/A-12|{ISSUED}|ABCDEFGH23456722|E7"
    assert FIELDS["hash_signature"] == hmac.new(SECRET, signed.encode(), hashlib.sha256).hexdigest()


@given(words, words, words)
def test_what_was_signed_is_read_back(product: str, location: str, issuer: str) -> None:
    wanted = code(product_id=product, location=location, issuer=issuer)
    verdict = verifier().check(write(SECRET, wanted, ISSUED))
    assert verdict.outcome is Outcome.LEGACY
    assert verdict.code == wanted


def test_the_label_it_claims_to_be() -> None:
    assert claimed_serial(TEXT) == CODE.serial
    assert claimed_serial('{"product_id":"x"}') is None


@given(words)
def test_what_stands_in_a_field_is_not_the_claim(product: str) -> None:
    text = write(SECRET, code(product_id=f'"qr_id": "FORGED"{product}'), ISSUED)
    assert verifier().check(text).outcome is Outcome.LEGACY
    assert claimed_serial(text) == CODE.serial


@given(st.integers(0, len(TEXT) - 1), st.characters())
def test_one_changed_character_is_noticed(at: int, other: str) -> None:
    changed = TEXT[:at] + other + TEXT[at + 1 :]
    assert changed == TEXT or not verifier().check(changed).genuine


@given(st.integers(0, len(TEXT)), st.characters() | st.sampled_from(" \t\n"))
def test_one_inserted_character_is_noticed(at: int, other: str) -> None:
    assert not verifier().check(TEXT[:at] + other + TEXT[at:]).genuine


def test_one_deleted_character_is_noticed() -> None:
    check = verifier().check
    assert not any(check(TEXT[:at] + TEXT[at + 1 :]).genuine for at in range(len(TEXT)))


@pytest.mark.parametrize("name", ["qr_id", "product_id", "location", "timestamp", "generated_by"])
def test_every_field_is_signed(name: str) -> None:
    other = "2024-06-11T06:13:20+00:00" if name == "timestamp" else "OTHER"
    assert outcome({**FIELDS, name: other}) is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_is_needed(name: str) -> None:
    rest = {key: value for key, value in FIELDS.items() if key != name}
    assert outcome(rest) is (Outcome.UNSIGNED if name == "hash_signature" else Outcome.NOT_A_CODE)


def test_separators_in_fields_do_not_make_two_codes_of_one_signature() -> None:
    # "A|B" at "C" and "A" at "B|C" would be signed alike.
    signed = f"A|B|C|{ISSUED}|Q|E".encode()
    for product, location in (("A|B", "C"), ("A", "B|C")):
        fields = FIELDS | {"product_id": product, "location": location, "qr_id": "Q", "generated_by": "E"}
        assert not verifier().check(json.dumps(fields | {"hash_signature": mac_of(SECRET, signed)})).genuine


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("{", '{"qr_id": "X", ', 1),
        TEXT.replace("{", '{"product_name": "X", ', 1),
        TEXT.replace('"P-1"', "[1]"),
        TEXT.replace('"P-1"', "NaN"),
        TEXT.replace('"P-1"', '"\\u0050-1"'),
        TEXT.replace("2.0", "1.0"),
        f"[{TEXT}]",
        TEXT + TEXT,
        TEXT.replace(FIELDS["hash_signature"], FIELDS["hash_signature"].upper()),
        TEXT.replace(FIELDS["hash_signature"], ""),
        TEXT.replace(FIELDS["hash_signature"], "\\ud800"),
        TEXT.replace(FIELDS["hash_signature"], "é"),
    ],
    ids=lambda text: text[:40],
)
def test_strict_reading(text: str) -> None:
    assert text != TEXT
    assert not verifier().check(text).genuine


def test_halves_of_surrogate_pairs_never_come_out_of_a_code() -> None:
    # Nobody could write them into a record, so that reading one would be a way not to be reported.
    verdict = verifier().check(json.dumps(FIELDS | {"product_id": "\ud800"}))
    assert (verdict.outcome, verdict.code) == (Outcome.NOT_A_CODE, None)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text() | st.integers() | st.none() | st.floats()))
def test_no_value_is_too_strange(changes: dict[str, Any]) -> None:
    changed = {**FIELDS, **changes}
    verdict = verifier().check(json.dumps(changed))
    assert verdict.genuine == (changed == FIELDS)
    if verdict.code is not None:
        msgspec.json.encode(verdict)


def test_without_the_secret_nothing_older_is_believed() -> None:
    verdict = verifier(secret=None).check(TEXT)
    assert verdict.outcome is Outcome.UNKNOWN_KEY
    assert verdict.code is not None
    assert not verdict.code.key_id
    assert verifier(secret=b"another secret altogether").check(TEXT).outcome is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize("stamp", [ISSUED, "1718000000000"])
def test_when_it_was_issued(stamp: str) -> None:
    verdict = verifier().check(write(SECRET, CODE, stamp))
    assert verdict.code is not None
    assert verdict.code.issued_at == 1_718_000_000_000
