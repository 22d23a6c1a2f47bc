"""Whether to believe a scanned text."""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum
from functools import lru_cache

import msgspec

from guardian.qr import legacy, link
from guardian.qr.code import ProductCode
from guardian.qr.keys import PublicKeys

CACHE_SIZE = 4_096
"""Verdicts remembered: labels are scanned again and again, and a signature takes a while."""


class Outcome(StrEnum):
    """The coded verdict on a scanned text.

    VALID: one of our keys signed exactly this. LEGACY: so it did, as a code of the older kind. NOT_A_CODE: it
    cannot be read as a code. UNSIGNED: a code without a signature. UNKNOWN_KEY: signed with a key that is not
    ours; of the older kind, when their secret is not known. REVOKED_KEY: with one that is not trusted any
    more. BAD_SIGNATURE: altered after it was signed.
    """

    VALID = "valid"
    LEGACY = "legacy"
    NOT_A_CODE = "not_a_code"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    REVOKED_KEY = "revoked_key"
    BAD_SIGNATURE = "bad_signature"


class Verdict(msgspec.Struct, frozen=True):
    """outcome, why in one line for people, and what the text claims (None if it cannot be read as a code)."""

    outcome: Outcome
    why: str
    code: ProductCode | None

    @property
    def genuine(self) -> bool:
        """Whether one of our keys signed exactly this."""
        return self.outcome in {Outcome.VALID, Outcome.LEGACY}


class Verifier:
    """Verifies with public keys alone; codes of the older kind need their secret besides."""

    def __init__(self, keys: PublicKeys, legacy_secret: bytes | None = None) -> None:
        self._keys = keys
        self._legacy_secret = legacy_secret
        trusted = sorted(key.key_id for key in keys if not key.revoked)
        # Whoever remembers that a text was VALID must forget it when this changes.
        self.fingerprint = hashlib.blake2b(" ".join(trusted).encode(), digest_size=16).digest()
        self._remembered = lru_cache(CACHE_SIZE)(self._verify)

    def check(self, text: str) -> Verdict:
        """The verdict on a scanned text. Bounded in time and memory, whatever the text is."""
        if len(text) > link.MAX_CHARS:
            return Verdict(Outcome.NOT_A_CODE, f"longer than {link.MAX_CHARS} characters", None)
        return self._remembered(text)

    def remembered(self) -> int:
        """How many verdicts are remembered; never more than `CACHE_SIZE`."""
        return self._remembered.cache_info().currsize

    def _verify(self, text: str) -> Verdict:
        return self._verify_legacy(text) if text.startswith("{") else self._verify_link(text)

    def _verify_link(self, text: str) -> Verdict:
        try:
            found = link.read(text)
        except link.LinkError as error:
            return Verdict(Outcome.NOT_A_CODE, str(error), None)
        code = found.code
        if found.signature is None:
            return Verdict(Outcome.UNSIGNED, "it carries no signature", code)
        if code is None or not code.key_id:
            return Verdict(Outcome.BAD_SIGNATURE, "altered: a field is missing or damaged", code)
        key = self._keys.get(code.key_id)
        if key is None:
            return Verdict(
                Outcome.UNKNOWN_KEY, f"signed with key {code.key_id[:64]}, which is not ours", code
            )
        if found.signed is None:
            return Verdict(Outcome.BAD_SIGNATURE, "altered: not spelt as it was signed", code)
        if not key.verifies(found.signature, found.signed.encode()):
            return Verdict(Outcome.BAD_SIGNATURE, "altered after it was signed", code)
        if key.revoked:
            return Verdict(Outcome.REVOKED_KEY, f"signed with key {key.key_id}, which is revoked", code)
        return Verdict(Outcome.VALID, f"signed with key {key.key_id}", code)

    def _verify_legacy(self, text: str) -> Verdict:
        try:
            found = legacy.read(text)
        except legacy.LegacyError as error:
            return Verdict(Outcome.NOT_A_CODE, str(error), None)
        if found.mac is None:
            return Verdict(Outcome.UNSIGNED, "it carries no signature", found.code)
        if self._legacy_secret is None:
            return Verdict(Outcome.UNKNOWN_KEY, "the secret of the older codes is not known here", found.code)
        expected = legacy.mac_of(self._legacy_secret, found.signed)
        if not hmac.compare_digest(expected.encode(), found.mac.encode("utf-8", "surrogatepass")):
            return Verdict(Outcome.BAD_SIGNATURE, "altered after it was signed", found.code)
        return Verdict(Outcome.LEGACY, "signed with the secret of the older codes", found.code)


def claimed_serial(text: str) -> str | None:
    """The label that a text claims to be, without verifying anything; None if it is no code. Cheap."""
    return legacy.claimed_serial(text) if text.startswith("{") else link.claimed_serial(text)
