"""Telling once, and again after a failure."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from guardian.adapters.notify.backoff import Backoff
from guardian.adapters.notify.memory_records import MemoryRecords
from guardian.adapters.notify.notifier import ChannelRules, Notifier, Outcome, Told
from guardian.adapters.notify.settings import NotifySettingsError, load_notifier
from guardian.alerts.model import Severity, Status
from guardian.alerts.routing import Quiet, Route
from guardian.ports import Notice, NotSentError
from tests.servers.inbox import web
from tests.unit.alerts.documents import document


class Desk:
    """A channel that keeps what it is told. fails: what goes wrong at first, in turn."""

    def __init__(self, *fails: Exception) -> None:
        self.fails = list(fails)
        self.told: list[Notice] = []
        self.attempts = 0

    def send(self, notice: Notice) -> None:
        self.attempts += 1
        if self.fails:
            raise self.fails.pop(0)
        self.told.append(notice)


def later(after_s: float = 0.0) -> NotSentError:
    return NotSentError("status 503", again=True, after_s=after_s)


def notifier(
    desk: Desk, records: MemoryRecords, waits: list[float] | None = None, quiet: Quiet | None = None
) -> Notifier:
    return Notifier(
        [Route(channels=("desk",))],
        {"desk": ChannelRules(desk, quiet)},
        records,
        zone=UTC,
        zones={},
        backoff=Backoff(attempts=3, first_s=1.0, most_s=8.0, jitter=0.5),
        clock=lambda: 0.0,  # midnight
        sleep=(waits if waits is not None else []).append,
        chance=lambda: 1.0,
    )


def test_told_once() -> None:
    desk, records = Desk(), MemoryRecords()
    outcomes = [notifier(desk, records).notify(document())[0].outcome for _ in range(3)]
    assert outcomes == [Outcome.SENT, Outcome.KNOWN, Outcome.KNOWN]
    assert [told.key for told in desk.told] == ["al_0123.suspected-medium.desk"]


def test_confirmed_and_cleared_are_news() -> None:
    desk, records = Desk(), MemoryRecords()
    for status in (Status.CLEARED, Status.SUSPECTED, Status.CONFIRMED, Status.SUSPECTED, Status.CLEARED):
        notifier(desk, records).notify(document(status=status))
    assert [told.title.split(":")[0] for told in desk.told] == [
        "MEDIUM, suspected",
        "MEDIUM, confirmed",
        "CLEARED",
    ]


def test_tried_again_with_growing_waits() -> None:
    waits: list[float] = []
    desk = Desk(later(), later(3.0))
    assert notifier(desk, MemoryRecords(), waits).notify(document())[0].outcome == Outcome.SENT
    assert waits == [0.5, 3.0]


def test_who_asks_for_a_long_pause_gets_it() -> None:
    waits: list[float] = []
    desk, records = Desk(later(30.0)), MemoryRecords()
    assert notifier(desk, records, waits).notify(document())[0].again
    assert waits == []
    assert notifier(desk, records).notify(document())[0].outcome == Outcome.SENT


def test_what_failed_is_told_in_a_later_delivery() -> None:
    desk, records = Desk(later(), later(), later()), MemoryRecords()
    assert notifier(desk, records).notify(document()) == [Told("desk", Outcome.FAILED, "status 503")]
    assert notifier(desk, records).notify(document())[0].outcome == Outcome.SENT


def test_what_cannot_be_told_is_not_tried_again() -> None:
    desk = Desk(NotSentError("status 404", again=False))
    (told,) = notifier(desk, MemoryRecords()).notify(document())
    assert (told.outcome, told.reason, told.again, desk.attempts) == (Outcome.REFUSED, "status 404", False, 1)


def test_a_sender_that_died_loses_nothing() -> None:
    now, desk = [0.0], Desk()
    records = MemoryRecords(lease_s=60.0, clock=lambda: now[0])
    assert records.claim("shop-1", "al_0123.suspected-medium.desk")  # and dies here
    (told,) = notifier(desk, records).notify(document())
    assert (told.outcome, told.again) == (Outcome.BUSY, True)
    # Whether anybody has to hear that it was cleared is not known before that is over.
    assert notifier(desk, records).notify(document(status=Status.CLEARED))[0].outcome == Outcome.BUSY
    now[0] = 60.0
    assert notifier(desk, records).notify(document())[0].outcome == Outcome.SENT


def test_a_fault_of_ours_gives_the_claim_back() -> None:
    desk, records = Desk(RuntimeError("bug")), MemoryRecords()
    with pytest.raises(RuntimeError):
        notifier(desk, records).notify(document())
    assert notifier(desk, records).notify(document())[0].outcome == Outcome.SENT


def test_quiet_hours_hold_back_all_but_the_worst() -> None:
    desk, records, quiet = Desk(), MemoryRecords(), Quiet(hours="22:00-06:00")
    assert notifier(desk, records, quiet=quiet).notify(document())[0].outcome == Outcome.QUIET
    worst = document(severity=Severity.CRITICAL)
    assert notifier(desk, records, quiet=quiet).notify(worst)[0].outcome == Outcome.SENT


def test_many_deliveries_at_a_time_tell_once() -> None:
    desk, records = Desk(), MemoryRecords()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: notifier(desk, records).notify(document())[0].outcome, range(64)))
    assert outcomes.count(Outcome.SENT) == len(desk.told) == 1


@given(st.integers(1, 30), st.floats(0, 1))
def test_waits_grow_and_stay_bounded(failures: int, chance: float) -> None:
    backoff = Backoff(first_s=0.5, most_s=8.0, jitter=0.5)
    wait = backoff.wait_s(failures, lambda: chance)
    whole = min(0.5 * 2 ** (failures - 1), 8.0)
    assert whole / 2 <= wait <= whole


SETTINGS = """
zone = "Europe/Berlin"
[zones]
shop-1 = "UTC"
[channels.desk]
kind = "slack"
url = "env:HOOK"
timeout_s = 2.0
quiet = { hours = "22:00-06:00", breaks = "high" }
[channels.office]
kind = "mail"
host = "127.0.0.1"
sender = "a@b.example"
recipients = ["c@d.example"]
[channels.siem]
kind = "webhook"
url = "env:HOOK"
secret = "file:{secret}"
[[routes]]
channels = ["desk"]
severity = "critical"
[[routes]]
channels = ["siem"]
types = ["LONG_QUEUE"]
"""


def written(folder: Path, text: str) -> Path:
    (folder / "secret").write_text("0123456789abcdef\n")
    file = folder / "notify.toml"
    file.write_text(text.replace("{secret}", str(folder / "secret")))
    return file


def test_settings(tmp_path: Path) -> None:
    with web() as inbox:
        made = load_notifier(written(tmp_path, SETTINGS), {"HOOK": f"{inbox.url}/h"}, MemoryRecords())
        assert made.notify(document()) == [Told("siem", Outcome.SENT)]
        assert [told.channel for told in made.notify(document(severity=Severity.CRITICAL))] == [
            "desk",
            "siem",
        ]
    assert len(inbox.posts) == 3


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("env:HOOK", "https://hooks.example/topsecret", 'expected "env:NAME"'),
        ("env:HOOK", "env:NONE", "NONE: empty"),
        ("file:{secret}", "file:/nowhere/at/all", "No such file"),
        ('"slack"', '"pigeon"', "pigeon"),
        ('["desk"]', '["nobody"]', "no channel 'nobody'"),
        ("22:00-06:00", "late", "late"),
        ("Europe/Berlin", "Mars/Base", "Mars"),
        ("timeout_s = 2.0", "timeout_s = 0.0", "timeout_s"),
        ("timeout_s = 2.0", "timeout_s = 50.0", "together"),
        ("timeout_s = 2.0", "unknown = 1", "unknown"),
        ("[channels.office]", '[channels."a b"]', "a b"),
        ('"critical"', '"huge"', "huge"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, old: str, new: str, told: str) -> None:
    file = written(tmp_path, SETTINGS.replace(old, new))
    with pytest.raises(NotifySettingsError) as raised:
        load_notifier(file, {"HOOK": "https://hooks.example/x"}, MemoryRecords())
    assert told in str(raised.value)
    assert "topsecret" not in str(raised.value)
