"""Working hours: a site's, over midnight, on some days, and the shifts of single people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from guardian.events.hours import DAYS, Hours, HoursError

BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str, zone: ZoneInfo | None = None) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone or UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("when", "closed"),
    [
        ("2025-08-13T05:59:59.999", True),
        ("2025-08-13T06:00", False),
        ("2025-08-13T21:59:59.999", False),
        ("2025-08-13T22:00", True),
        ("2025-08-13T00:00", True),
    ],
)
def test_the_default_is_six_to_ten(when: str, closed: bool) -> None:
    assert Hours().closed(ms(when)) is closed


def test_hours_are_local() -> None:
    hours = Hours("08:00-17:00", zone=BERLIN)

    assert not hours.closed(ms("2025-08-13T08:00", BERLIN))
    assert not hours.closed(ms("2025-08-13T06:00"))  # 08:00 there
    assert hours.closed(ms("2025-08-13T16:00"))  # 18:00 there


def test_hours_follow_the_change_of_the_clocks() -> None:
    hours = Hours("08:00-17:00", zone=BERLIN)

    assert not hours.closed(ms("2025-10-25T06:30"))  # summer: 08:30
    assert hours.closed(ms("2025-10-26T06:30"))  # winter: 07:30


def test_a_shift_over_midnight_belongs_to_the_day_it_began_on() -> None:
    hours = Hours("22:00-06:00", days=("fri",))

    assert not hours.closed(ms("2025-08-15T23:00"))  # Friday night
    assert not hours.closed(ms("2025-08-16T05:00"))  # still that night
    assert hours.closed(ms("2025-08-15T05:00"))  # Thursday's night
    assert hours.closed(ms("2025-08-16T23:00"))


def test_the_roster_opens_the_night_for_those_on_it() -> None:
    hours = Hours(roster={"N1": "21:30-05:30"})

    assert not hours.closed(ms("2025-08-13T02:00"), "N1")
    assert hours.closed(ms("2025-08-13T02:00"), "E1")
    assert hours.closed(ms("2025-08-13T05:45"), "N1")
    assert not hours.closed(ms("2025-08-13T12:00"), "N1")  # the site is open to everybody


def test_always() -> None:
    hours = Hours("00:00-24:00")

    assert not any(hours.closed(ms("2025-08-13T00:00") + minute * 60_000) for minute in range(2 * 1440))


@pytest.mark.parametrize(
    "text", ["", "8-17", "08:00", "08:00-25:00", "08:60-17:00", "a:b-c:d", "08:00-17:00-18:00"]
)
def test_hours_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(HoursError, match="work: expected HH:MM-HH:MM"):
        Hours(text)


def test_errors_name_the_day_and_the_person() -> None:
    with pytest.raises(HoursError, match="'monday'"):
        Hours(days=("monday",))
    with pytest.raises(HoursError, match=r"roster\.N1"):
        Hours(roster={"N1": "nights"})


@given(
    begin=st.integers(0, 1439),
    length=st.integers(1, 1439),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    minute=st.integers(0, 14 * 1440 - 1),
)
def test_open_exactly_while_a_shift_lasts(begin: int, length: int, days: set[str], minute: int) -> None:
    end = (begin + length) % 1440
    hours = Hours(f"{begin // 60}:{begin % 60:02}-{end // 60}:{end % 60:02}", tuple(days))
    monday = datetime(2025, 8, 11, tzinfo=UTC)
    moment = monday + timedelta(minutes=minute)
    shifts = [
        monday + timedelta(days=day, minutes=begin)
        for day in range(-1, 15)
        if DAYS[(monday + timedelta(days=day)).weekday()] in days
    ]

    is_open = any(start <= moment < start + timedelta(minutes=length) for start in shifts)
    assert hours.closed(round(moment.timestamp() * 1000)) is not is_open
