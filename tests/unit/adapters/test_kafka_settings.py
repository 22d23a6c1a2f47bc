"""Settings of Kafka from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.adapters.kafka.settings import KafkaSettingsError, kafka_settings

PLAIN = {"GUARDIAN_KAFKA_BOOTSTRAP": "broker:9092"}
CLOUD = {
    **PLAIN,
    "GUARDIAN_KAFKA_SASL_USERNAME": "key",
    "GUARDIAN_KAFKA_SASL_PASSWORD": "very secret",
    "GUARDIAN_SCHEMA_REGISTRY_URL": "https://registry",
    "GUARDIAN_SCHEMA_REGISTRY_USERNAME": "name",
    "GUARDIAN_SCHEMA_REGISTRY_PASSWORD": "also secret",
}


def test_without_a_password() -> None:
    settings = kafka_settings(PLAIN)
    config = settings.client_config()
    assert config["bootstrap.servers"] == "broker:9092"
    assert config["security.protocol"] == "PLAINTEXT"
    assert not any(name.startswith("sasl") for name in config)
    assert settings.registry is None


def test_with_a_password_everything_is_encrypted() -> None:
    settings = kafka_settings(CLOUD)
    config = settings.client_config()
    assert config["security.protocol"] == "SASL_SSL"
    assert config["sasl.password"] == "very secret"
    assert settings.registry is not None
    assert settings.registry.client_config()["basic.auth.user.info"] == "name:also secret"


def test_no_secret_is_shown() -> None:
    assert "secret" not in repr(kafka_settings(CLOUD))


def test_a_password_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\n")
    environment = {**CLOUD, "GUARDIAN_KAFKA_SASL_PASSWORD_FILE": str(file)}
    del environment["GUARDIAN_KAFKA_SASL_PASSWORD"]
    assert kafka_settings(environment).client_config()["sasl.password"] == "from a file"


def test_the_command_line_overrules_the_address() -> None:
    assert kafka_settings(PLAIN, "other:1").bootstrap == "other:1"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"GUARDIAN_KAFKA_BOOTSTRAP": ""}, "GUARDIAN_KAFKA_BOOTSTRAP"),
        ({"GUARDIAN_KAFKA_SECURITY_PROTOCOL": "TLS"}, "GUARDIAN_KAFKA_SECURITY_PROTOCOL"),
        ({"GUARDIAN_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "GUARDIAN_KAFKA_SECURITY_PROTOCOL"),
        ({"GUARDIAN_KAFKA_SASL_MECHANISM": "MAGIC"}, "GUARDIAN_KAFKA_SASL_MECHANISM"),
        ({"GUARDIAN_KAFKA_SASL_PASSWORD": ""}, "GUARDIAN_KAFKA_SASL_PASSWORD"),
        ({"GUARDIAN_KAFKA_SASL_USERNAME": ""}, "GUARDIAN_KAFKA_SASL_USERNAME"),
        ({"GUARDIAN_KAFKA_SASL_PASSWORD_FILE": "/nowhere"}, "GUARDIAN_KAFKA_SASL_PASSWORD"),
        ({"GUARDIAN_SCHEMA_REGISTRY_URL": "http://registry"}, "GUARDIAN_SCHEMA_REGISTRY_URL"),
        ({"GUARDIAN_SCHEMA_REGISTRY_URL": "registry"}, "GUARDIAN_SCHEMA_REGISTRY_URL"),
    ],
)
def test_what_cannot_be_used_is_named_without_its_secret(change: dict[str, str], named: str) -> None:
    with pytest.raises(KafkaSettingsError, match=named) as told:
        kafka_settings({**CLOUD, **change})
    assert "secret" not in str(told.value)


def test_sasl_needs_a_name() -> None:
    with pytest.raises(KafkaSettingsError, match="needs"):
        kafka_settings({**PLAIN, "GUARDIAN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
