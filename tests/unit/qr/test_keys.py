"""A key ring: the newest key signs, all that are not revoked verify, and none is ever shown."""

from __future__ import annotations

import io
import json
import pickle
import traceback

import pytest
from hypothesis import given, strategies as st
from rich.console import Console

from guardian.qr.keys import KeyRing, KeyRingError, PublicKeys, SigningKey, key_id_of
from guardian.qr.sign import sign
from guardian.qr.verify import Outcome, Verifier
from tests.unit.qr.codes import CODE

SEEDS = [bytes([number]) * 32 for number in range(1, 4)]


def ring(*seeds: bytes) -> KeyRing:
    made = KeyRing()
    for at, seed in enumerate(seeds):
        made.add(seed, created_at=at)
    return made


@given(st.binary(min_size=32, max_size=32))
def test_a_seed_is_a_key(seed: bytes) -> None:
    assert SigningKey(seed).key_id == SigningKey(seed).key_id
    assert sign(CODE, SigningKey(seed)) == sign(CODE, SigningKey(seed))


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_a_seed_has_32_bytes(seed: bytes) -> None:
    with pytest.raises(KeyRingError):
        SigningKey(seed)


def test_the_newest_signs_and_the_older_verify() -> None:
    keys = ring(SEEDS[0])
    before = sign(CODE, keys.signing_key())
    keys.add(SEEDS[1], created_at=1)
    after = sign(CODE, keys.signing_key())
    verifier = Verifier(keys.public())
    assert keys.signing_key().key_id == SigningKey(SEEDS[1]).key_id
    assert before != after
    assert verifier.check(before).genuine
    assert verifier.check(after).genuine


def test_a_revoked_key_neither_signs_nor_verifies() -> None:
    keys = ring(*SEEDS)
    texts = [sign(CODE, SigningKey(seed)) for seed in SEEDS]
    keys.revoke(SigningKey(SEEDS[2]).key_id)
    assert keys.signing_key().key_id == SigningKey(SEEDS[1]).key_id
    verifier = Verifier(keys.public())
    assert [verifier.check(text).outcome for text in texts] == [
        Outcome.VALID,
        Outcome.VALID,
        Outcome.REVOKED_KEY,
    ]
    assert verifier.check(texts[2].replace("A-12", "A-13")).outcome is Outcome.BAD_SIGNATURE
    for seed in SEEDS[:2]:
        keys.revoke(SigningKey(seed).key_id)
    with pytest.raises(KeyRingError):
        keys.signing_key()


def test_a_key_is_in_the_ring_once_and_only_keys_in_it_are_revoked() -> None:
    keys = ring(SEEDS[0])
    with pytest.raises(KeyRingError):
        keys.add(SEEDS[0], created_at=1)
    with pytest.raises(KeyRingError):
        keys.revoke("ffffffffffffffff")
    assert len(keys.public()) == 1


def test_rings_survive_being_stored() -> None:
    keys = ring(*SEEDS)
    keys.revoke(SigningKey(SEEDS[0]).key_id)
    again = KeyRing.from_json(keys.to_json())
    assert again == keys
    public = PublicKeys.from_json(keys.public().to_json())
    assert list(public) == list(keys.public())


def test_the_public_file_holds_no_secret() -> None:
    keys = ring(*SEEDS)
    public = keys.public().to_json()
    for stored in keys.keys:
        assert stored.seed not in public
    assert {name for key in json.loads(public)["keys"] for name in key} == {"key_id", "public", "revoked"}
    with pytest.raises(KeyRingError):
        PublicKeys.from_json(keys.to_json())


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key | {"key_id": "ffffffffffffffff"},
        lambda key: key | {"public": key["public"][:-4]},
        lambda key: key | {"public": "é"},
        lambda key: key | {"extra": 1},
        lambda key: {"key_id": key["key_id"]},
    ],
)
def test_a_public_file_that_was_tampered_with_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    stored = json.loads(ring(SEEDS[0]).public().to_json())
    stored["keys"][0] = change(stored["keys"][0])
    with pytest.raises(KeyRingError):
        PublicKeys.from_json(json.dumps(stored))


@given(st.text() | st.binary())
def test_no_other_text_is_a_ring(text: str | bytes) -> None:
    for read in (KeyRing.from_json, PublicKeys.from_json):
        try:
            read(text)
        except KeyRingError:
            continue
        raise AssertionError(text)


def test_nothing_private_is_shown() -> None:
    keys = ring(*SEEDS)
    keys.legacy_secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
    secrets = [stored.seed for stored in keys.keys] + [keys.legacy_secret]
    screen = io.StringIO()
    Console(file=screen, width=500).print(keys, keys.keys, keys.signing_key())
    shown = [repr(keys), str(keys), f"{keys.keys}", repr(keys.signing_key()), screen.getvalue()]
    for text in shown:
        assert not any(secret in text for secret in secrets)
        assert not any(repr(seed)[2:-1] in text for seed in SEEDS)


def test_errors_quote_nothing_of_a_damaged_ring() -> None:
    keys = ring(*SEEDS)
    stored = keys.to_json()
    for damaged in (
        stored[:-10],
        stored.replace('"seed"', '"sead"', 1),
        stored.replace(keys.keys[0].key_id, keys.keys[1].key_id),
        stored.replace(keys.keys[0].seed, keys.keys[0].seed[:-8]),
    ):
        try:
            KeyRing.from_json(damaged)
        except KeyRingError as error:
            told = "".join(traceback.format_exception(error))
            assert not any(stored_key.seed[:12] in told for stored_key in keys.keys)
        else:
            raise AssertionError(damaged)


def test_a_signing_key_cannot_be_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(SigningKey(SEEDS[0]))


def test_the_id_follows_from_the_key() -> None:
    ids = {SigningKey(seed).key_id for seed in SEEDS}
    assert len(ids) == len(SEEDS)
    assert all(key.key_id == key_id_of_public(key.public) for key in ring(*SEEDS).public())


def key_id_of_public(public: str) -> str:
    from base64 import urlsafe_b64decode

    return key_id_of(urlsafe_b64decode(public + "="))
