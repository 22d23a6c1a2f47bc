"""How to reach Kafka and its schema registry, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_LONGEST_SECRET = 4096


class KafkaSettingsError(ValueError):
    """Settings that cannot be used; names the variable, and shows no secret."""


class Credentials(msgspec.Struct, frozen=True):
    """A name and its password, which is never shown."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


class RegistrySettings(msgspec.Struct, frozen=True):
    """A Confluent Schema Registry. credentials: for basic authentication, where it asks for it."""

    url: str
    credentials: Credentials | None = None

    def client_config(self) -> dict[str, object]:
        """As `confluent_kafka.schema_registry` takes it. Nothing is tried twice inside it: whoever reads
        tries again, and goes on polling Kafka meanwhile."""
        config: dict[str, object] = {"url": self.url, "timeout": 10, "max.retries": 0}
        if self.credentials is not None:
            config["basic.auth.user.info"] = f"{self.credentials.username}:{self.credentials.password}"
        return config


class KafkaSettings(msgspec.Struct, frozen=True):
    """How to reach a cluster. bootstrap: "host:port", several with commas."""

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    credentials: Credentials | None = None
    ca_file: Path | None = None
    registry: RegistrySettings | None = None

    def client_config(self) -> dict[str, str | int | float | bool]:
        """What every client of the cluster is made with."""
        config: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.security_protocol,
            "client.id": "business-guardian",
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 5_000,
        }
        if self.credentials is not None:
            config["sasl.mechanisms"] = self.sasl_mechanism
            config["sasl.username"] = self.credentials.username
            config["sasl.password"] = self.credentials.password
        if self.ca_file is not None:
            config["ssl.ca.location"] = str(self.ca_file)
        return config


def kafka_settings(environment: Mapping[str, str], bootstrap: str | None = None) -> KafkaSettings:
    """Settings from `GUARDIAN_KAFKA_*` and `GUARDIAN_SCHEMA_REGISTRY_*` (docs/bridge.md).

    bootstrap: overrules the environment's. Raises KafkaSettingsError.
    """
    address = bootstrap or environment.get("GUARDIAN_KAFKA_BOOTSTRAP", "")
    if not address:
        raise KafkaSettingsError("GUARDIAN_KAFKA_BOOTSTRAP: missing; expected HOST:PORT")
    credentials = _credentials(environment, "GUARDIAN_KAFKA_SASL_")
    # With a password, encryption is what is meant unless something else is said.
    protocol = environment.get("GUARDIAN_KAFKA_SECURITY_PROTOCOL") or (
        "SASL_SSL" if credentials is not None else "PLAINTEXT"
    )
    mechanism = environment.get("GUARDIAN_KAFKA_SASL_MECHANISM") or "PLAIN"
    _one_of("GUARDIAN_KAFKA_SECURITY_PROTOCOL", protocol, PROTOCOLS)
    _one_of("GUARDIAN_KAFKA_SASL_MECHANISM", mechanism, MECHANISMS)
    if protocol.startswith("SASL_") != (credentials is not None):
        needs = "needs" if credentials is None else "does not use"
        raise KafkaSettingsError(
            f"GUARDIAN_KAFKA_SECURITY_PROTOCOL: {protocol} {needs} GUARDIAN_KAFKA_SASL_USERNAME"
        )
    ca_file = environment.get("GUARDIAN_KAFKA_CA_FILE")
    return KafkaSettings(
        address,
        protocol,
        mechanism,
        credentials,
        Path(ca_file) if ca_file else None,
        _registry(environment),
    )


def _registry(environment: Mapping[str, str]) -> RegistrySettings | None:
    url = environment.get("GUARDIAN_SCHEMA_REGISTRY_URL")
    credentials = _credentials(environment, "GUARDIAN_SCHEMA_REGISTRY_")
    if not url:
        return None
    if not url.startswith(("https://", "http://", "mock://")):
        raise KafkaSettingsError("GUARDIAN_SCHEMA_REGISTRY_URL: expected https://…")
    if credentials is not None and url.startswith("http://"):
        raise KafkaSettingsError("GUARDIAN_SCHEMA_REGISTRY_URL: a password is not sent without https")
    return RegistrySettings(url, credentials)


def _credentials(environment: Mapping[str, str], prefix: str) -> Credentials | None:
    username = environment.get(f"{prefix}USERNAME", "")
    password = environment.get(f"{prefix}PASSWORD", "")
    file = environment.get(f"{prefix}PASSWORD_FILE", "")
    if not (username or password or file):
        return None
    if password and file:
        raise KafkaSettingsError(f"{prefix}PASSWORD: given twice, here and in {prefix}PASSWORD_FILE")
    if file:
        try:
            with Path(file).open(encoding="utf-8") as opened:
                password = opened.read(_LONGEST_SECRET).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise KafkaSettingsError(f"{prefix}PASSWORD_FILE: {file}: {reason}") from None
    if not username or not password:
        lacks = "PASSWORD" if username else "USERNAME"
        raise KafkaSettingsError(f"{prefix}{lacks}: missing")
    return Credentials(username, password)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise KafkaSettingsError(f"{name}: expected {' or '.join(allowed)}, found {value!r}")
