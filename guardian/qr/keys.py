"""The keys that codes are signed with: a ring to sign, and its public half to verify."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES = 32


class KeyRingError(ValueError):
    """Keys that cannot be used; says why, without showing any."""


class SigningKey:
    """An Ed25519 private key and its id. Never shows what it holds."""

    def __init__(self, seed: bytes) -> None:
        """seed: 32 secret bytes, from which everything follows. Raises KeyRingError."""
        if len(seed) != SEED_BYTES:
            raise KeyRingError(f"a key is made from {SEED_BYTES} bytes")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key().public_bytes_raw()
        self.key_id = key_id_of(public)
        self.public = PublicKey(key_id=self.key_id, public=_text(public))

    def sign(self, data: bytes) -> bytes:
        """64 bytes of signature."""
        return self._private.sign(data)

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"


class PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """public: 32 bytes, base64url. revoked: nothing signed with it is believed any more."""

    key_id: str
    public: str
    revoked: bool = False

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether this key signed exactly that."""
        try:
            Ed25519PublicKey.from_public_bytes(_bytes(self.public)).verify(signature, data)
        except InvalidSignature:
            return False
        return True


class _PublicFile(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[PublicKey]


class PublicKeys:
    """Public keys by id."""

    def __init__(self, keys: Iterator[PublicKey] | list[PublicKey]) -> None:
        """Raises KeyRingError for a key that is none, or an id that is not its own."""
        self._keys: dict[str, PublicKey] = {}
        for key in keys:
            try:
                raw = _bytes(key.public)
                Ed25519PublicKey.from_public_bytes(raw)
            except ValueError:
                raise KeyRingError(f"{key.key_id[:64]}: not an Ed25519 public key in base64url") from None
            if key_id_of(raw) != key.key_id:
                raise KeyRingError(f"{key.key_id[:64]}: this is not the id of that key")
            self._keys[key.key_id] = key

    @classmethod
    def from_json(cls, text: str | bytes) -> PublicKeys:
        """Reads what `to_json` has written. Raises KeyRingError."""
        try:
            return cls(msgspec.json.decode(text, type=_PublicFile).keys)
        except msgspec.DecodeError as error:
            raise KeyRingError(f"not a file of public keys: {error}") from None

    def to_json(self) -> str:
        """As a file: nothing in it is secret."""
        encoded = msgspec.json.encode(_PublicFile(list(self._keys.values())))
        return msgspec.json.format(encoded, indent=1).decode() + "\n"

    def get(self, key_id: str) -> PublicKey | None:
        """The key of this id, revoked or not."""
        return self._keys.get(key_id)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[PublicKey]:
        return iter(self._keys.values())


class StoredKey(msgspec.Struct, forbid_unknown_fields=True):
    """One private key at rest. seed: base64url, secret. created_at: epoch ms."""

    key_id: str
    seed: str
    created_at: int
    revoked: bool = False

    def __repr__(self) -> str:
        return f"StoredKey({self.key_id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("key_id", self.key_id)]


class KeyRing(msgspec.Struct, forbid_unknown_fields=True):
    """All private keys of an issuer, oldest first, and the secret of its codes of the older kind.

    The newest key that is not revoked signs; every key that is not revoked verifies.
    """

    keys: list[StoredKey] = []
    legacy_secret: str | None = None

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(key.key_id for key in self.keys)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("keys", self.keys)]

    def add(self, seed: bytes, created_at: int) -> str:
        """Adds a key, which signs from now on. Returns its id."""
        key = SigningKey(seed)
        if any(one.key_id == key.key_id for one in self.keys):
            raise KeyRingError(f"{key.key_id} is in the ring already")
        self.keys.append(StoredKey(key.key_id, _text(seed), created_at))
        return key.key_id

    def revoke(self, key_id: str) -> None:
        """Nothing that key signed is believed any more. Raises KeyRingError if it is not in the ring."""
        for key in self.keys:
            if key.key_id == key_id:
                key.revoked = True
                return
        raise KeyRingError(f"{key_id[:64]}: no such key; there are {', '.join(k.key_id for k in self.keys)}")

    def signing_key(self) -> SigningKey:
        """The key that signs now. Raises KeyRingError if there is none."""
        for key in reversed(self.keys):
            if not key.revoked:
                return SigningKey(_bytes(key.seed))
        raise KeyRingError("no key to sign with: all are revoked, or there is none")

    def public(self) -> PublicKeys:
        """What verifiers need."""
        return PublicKeys(
            [
                msgspec.structs.replace(SigningKey(_bytes(key.seed)).public, revoked=key.revoked)
                for key in self.keys
            ]
        )

    def legacy(self) -> bytes | None:
        """The secret of the codes of the older kind."""
        return None if self.legacy_secret is None else _bytes(self.legacy_secret)

    def to_json(self) -> str:
        """As a file: secret."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1).decode() + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> KeyRing:
        """Reads what `to_json` has written. Raises KeyRingError, which shows nothing of it."""
        try:
            ring = msgspec.json.decode(text, type=cls)
            ids = [SigningKey(_bytes(key.seed)).key_id for key in ring.keys]
            ring.legacy()
        except ValueError:
            raise KeyRingError("not a key file") from None
        if ids != [key.key_id for key in ring.keys]:
            raise KeyRingError("a key that does not have the id it should have")
        return ring


def key_id_of(public: bytes) -> str:
    """The id of a public key: 16 hexadecimal digits of its BLAKE2b digest."""
    return hashlib.blake2b(public, digest_size=8).hexdigest()


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
