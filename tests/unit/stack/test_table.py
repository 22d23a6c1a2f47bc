"""The table of processes: whole, in an order that exists, and on loopback alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.runtime.settings import load_settings
from simulators.business_day import BusinessDay
from stack.day import HOURS, MOST_LATE_S, SETTINGS_FILE, first_wrong_ms, lateness_s, simulate, write_settings
from stack.part import Part
from stack.runner import waves
from stack.table import Options, Table, table

KEY = "GUARDIAN_GEMINI_API_KEY"


def made(folder: Path, options: Options | None = None, **caller: str) -> Table:
    return table(options or Options(), folder, caller)


def parts(found: Table) -> dict[str, Part]:
    return {part.name: part for part in found.parts}


def test_what_is_needed_is_there_and_comes_first(tmp_path: Path) -> None:
    order = waves(made(tmp_path, Options(day=tmp_path, correlators=3)).parts)
    place = {name: number for number, names in enumerate(order) for name in names}
    assert max(place["kafka"], place["pubsub"]) < place["topics"] < place["bridge"]
    assert place["firestore"] < place["correlator-3"] < place["correlator"]
    assert place["topics"] < place["producer"]


def test_everything_listens_on_loopback_only(tmp_path: Path) -> None:
    for part in made(tmp_path, Options(day=tmp_path, correlators=2), **{KEY: "k"}).parts:
        if part.port is None:
            continue
        told = (*part.command, *(f"{name}={value}" for name, value in part.environment.items()))
        own = ("stack.kafka.broker", "stack.inbox", "stack.balancer")
        assert any(text.endswith(("host=127.0.0.1", "HOST=127.0.0.1")) for text in told) or (
            any("host-port=127.0.0.1" in text for text in told) or any(name in told for name in own)
        ), part.name


def test_ports_differ_and_given_ones_are_taken(tmp_path: Path) -> None:
    found = made(tmp_path, Options(correlators=2, ports={"kafka": 19092, "correlator": 18080}))
    ports = [part.port for part in found.parts if part.port is not None]
    assert len(set(ports)) == len(ports)
    assert parts(found)["kafka"].port == 19092
    assert "--push=correlator=http://127.0.0.1:18080" in parts(found)["topics"].command
    assert found.environment["GUARDIAN_KAFKA_BOOTSTRAP"] == "127.0.0.1:19092"


def test_a_part_that_does_not_exist_cannot_be_named(tmp_path: Path) -> None:
    for options in (Options(ports={"kafak": 1}), Options(without=frozenset({"kafak"}))):
        with pytest.raises(ValueError, match="kafak"):
            made(tmp_path, options)


def test_what_is_left_out_gets_no_messages(tmp_path: Path) -> None:
    found = made(tmp_path, Options(without=frozenset({"notifier", "inbox"})))
    assert {"notifier", "inbox"}.isdisjoint(parts(found))
    assert not any("notifier" in text for text in parts(found)["topics"].command)


def test_no_narrator_without_a_key(tmp_path: Path) -> None:
    without, with_key = made(tmp_path), made(tmp_path, **{KEY: "secret"})
    assert "alert_narrator" not in parts(without)
    assert KEY in without.left_out["alert_narrator"]
    assert parts(with_key)["alert_narrator"].environment[KEY] == "secret"
    assert "--target=narrate" in parts(with_key)["alert_narrator"].command
    assert [part.name for part in with_key.parts if "secret" in part.environment.values()] == [
        "alert_narrator"
    ]


def test_notices_go_to_the_callers_channels_or_the_inbox(tmp_path: Path) -> None:
    assert "inbox" in parts(made(tmp_path))
    own = made(tmp_path, GUARDIAN_NOTIFY_SETTINGS="/etc/notify.toml")
    assert "inbox" in own.left_out
    assert parts(own)["notifier"].environment["GUARDIAN_NOTIFY_SETTINGS"] == "/etc/notify.toml"


def test_each_correlator_has_a_watermark_of_its_own(tmp_path: Path) -> None:
    found = parts(made(tmp_path, Options(correlators=2, environment={"correlator-2": {"X": "y"}})))
    assert [found[f"correlator-{n}"].environment["GUARDIAN_WORKER"] for n in (1, 2)] == [
        "correlator-1",
        "correlator-2",
    ]
    assert found["correlator-2"].environment["X"] == "y"
    assert "X" not in found["correlator-1"].environment


def test_the_site_is_that_of_the_day(tmp_path: Path) -> None:
    day = tmp_path / "day"
    simulate("business", 3, 60.0, day)
    write_settings(day, tmp_path / SETTINGS_FILE, "stack", 7.5)
    settings = load_settings(tmp_path / SETTINGS_FILE)
    assert (settings.site, settings.lateness_s) == ("stack", 7.5)
    assert settings.qr_keys == (day / "qr_keys.json").resolve()
    attack = BusinessDay(3, 60.0, HOURS).attack_ms
    assert first_wrong_ms(day) == attack
    decides = parts(made(tmp_path, Options(day=day)))["correlator"].environment
    assert decides["GUARDIAN_CATALOG"] == str((day / "products_list.csv").resolve())
    catalogue = Path(decides["GUARDIAN_CATALOG"]).read_text()
    assert "P-0001" in catalogue
    assert "ART_001" in catalogue
    assert first_wrong_ms(tmp_path) is None


def test_lateness_follows_the_speed() -> None:
    assert [lateness_s(speed) for speed in (1, 5, 60, 0)] == [5.0, 7.5, MOST_LATE_S, MOST_LATE_S]
