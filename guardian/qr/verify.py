"""Whether to believe a scanned text."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from guardian.qr.code import ProductCode


class Outcome(StrEnum):
    """The coded verdict on a scanned text."""

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
    """Verifies with public keys alone."""

    def check(self, text: str) -> Verdict:
        """The verdict on a scanned text."""
        raise NotImplementedError
