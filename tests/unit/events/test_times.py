"""Event times against the standard library's own reading of them."""

# ruff: noqa: DTZ001 - times without a zone are what is under test

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, strategies as st

from guardian.events.times import EARLIEST_MS, TimeError, TimeParser, format_time, parse_zone

LATEST_MS = 1_798_761_600_000  # 2027-01-01T00:00:00Z
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = (
    UTC,
    timezone(timedelta(hours=5, minutes=30)),
    timezone(timedelta(hours=-3)),
    ZoneInfo("Europe/Berlin"),
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),  # sets its clocks by half an hour
    ZoneInfo("Asia/Kathmandu"),
)
# One parser a zone for all examples, so that what it remembers is under test as well.
PARSERS = {zone: TimeParser(zone, LATEST_MS) for zone in ZONES}

offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2000, 1, 2), datetime(2026, 12, 30))


def reference_ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


@given(
    moments,
    st.sampled_from(ZONES),
    st.sampled_from("T "),
    st.sampled_from(["auto", "seconds", "milliseconds"]),
)
@example(datetime(2025, 3, 30, 2, 30), ZONES[3], "T", "auto")  # skipped in Berlin
@example(datetime(2025, 10, 26, 2, 30), ZONES[3], "T", "auto")  # twice in Berlin
@example(datetime(2025, 4, 6, 1, 45), ZONES[5], "T", "auto")
def test_a_time_without_zone_is_the_sites(
    moment: datetime, zone: ZoneInfo, separator: str, precision: str
) -> None:
    text = moment.isoformat(separator, precision)
    expected = reference_ms(datetime.fromisoformat(text).replace(tzinfo=zone))
    assert PARSERS[zone].parse(text) == expected
    assert PARSERS[zone].parse(text) == expected


@given(moments, offsets, st.sampled_from(ZONES))
def test_a_zone_given_counts(moment: datetime, offset: timezone, zone: ZoneInfo) -> None:
    there = moment.replace(tzinfo=offset)
    assert PARSERS[zone].parse(there.isoformat()) == reference_ms(there)


@given(st.integers(EARLIEST_MS, LATEST_MS), st.sampled_from(ZONES))
def test_what_is_written_can_be_read(ms: int, zone: ZoneInfo) -> None:
    text = format_time(ms, zone)
    assert PARSERS[zone].parse(text) == ms
    assert datetime.fromisoformat(text).utcoffset() is not None
    assert ("." in text) == (ms % 1000 != 0)
    assert PARSERS[zone].parse(ms) == PARSERS[zone].parse(float(ms)) == PARSERS[zone].parse(str(ms)) == ms


@given(st.text() | st.from_regex(r"[0-9T :.,Z+-]{1,30}", fullmatch=True) | st.integers() | st.floats())
def test_anything_is_a_time_or_a_time_error(raw: str | int | float) -> None:
    try:
        ms = PARSERS[UTC].parse(raw)
    except TimeError as error:
        said = str(error)
    else:
        said = "read"
        assert EARLIEST_MS <= ms <= LATEST_MS
    assert 0 < len(said) < 250


SPELLINGS = [
    "2026-03-14T12:00:00Z",
    "2026-03-14 12:00:00Z",
    "2026-03-14t12:00:00z",
    "2026-03-14T12:00Z",
    "2026-03-14T12:00:00+00:00",
    "2026-03-14T17:30:00+05:30",
    "2026-03-14T17:30:00+0530",
    "2026-03-14T17:30+05:30",
    "2026-03-14T09:00:00-03",
    "2026-03-14T12:00:00.000Z",
    "2026-03-14T12:00:00,000Z",
    "2026-03-14 12:00:00 UTC",
    "2026-03-14 12:00:00.000000 +00:00",
    "2026-03-14T13:00:00",  # Berlin, in winter
    "2026-03-14 13:00",
    "1773489600000",
    1_773_489_600_000,
    1_773_489_600_000.0,
]


ODD: tuple[str | int | float, ...] = (
    *(1_755_100_800_000, 1_755_100_800_000.0, "1755100800000", -1, "", float("nan")),
    *("2025-03-30T02:00Z", "2025-03-30 02:00:00", "2025-03-30T01:59:61"),
    *("2027-03-30T01:59:57", "1999-12-31T23:59:59Z"),
)


def neighbours() -> st.SearchStrategy[list[str | int | float]]:
    """Times of a few seconds, as several producers write them; some are none."""
    seconds = st.integers(0, 3).map(lambda second: f"2025-03-30T01:59:{57 + second:02}")
    tails = st.sampled_from(["", "Z", ".5", ".250Z", ",123", "+02:00", ".999-00:30", " UTC", "x"])
    odd: st.SearchStrategy[str | int | float] = st.sampled_from(ODD)
    likely = st.builds("".join, st.tuples(seconds, tails))
    return st.lists(likely | likely | likely | odd, max_size=12)


@given(neighbours(), st.sampled_from(ZONES))
def test_all_at_once_are_read_like_each_by_itself(raws: list[str | int | float], zone: ZoneInfo) -> None:
    alone, together = TimeParser(zone, LATEST_MS), PARSERS[zone]

    def read(parse: Callable[[], list[int]]) -> list[int] | None:
        try:
            return parse()
        except TimeError:
            return None

    expected = read(lambda: [alone.parse(raw) for raw in raws])
    assert read(lambda: together.parse_all(raws)) == expected
    assert read(lambda: together.parse_all(raws)) == expected


@pytest.mark.parametrize("written", SPELLINGS)
def test_spellings_of_one_instant(written: str | int | float) -> None:
    assert TimeParser(ZoneInfo("Europe/Berlin"), LATEST_MS).parse(written) == 1_773_489_600_000


@pytest.mark.parametrize(
    ("fraction", "ms"), [(".1", 100), (".12", 120), (".1239", 123), (".123999999", 123), (".000999", 0)]
)
def test_digits_beyond_the_millisecond_are_cut_off(fraction: str, ms: int) -> None:
    assert PARSERS[UTC].parse(f"2026-03-14T12:00:00{fraction}Z") == 1_773_489_600_000 + ms


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2026-03-14", "a date without a time of day"),
        ("20260314", "a date without a time of day"),
        ("2026-02-30T00:00:00", "day is out of range for month"),
        ("2026-03-14T24:00:00", "hour must be in 0..23"),
        ("2026-03-14T12:60:00", "minute must be in 0..59"),
        ("2026-03-14T12:00:60", "expected a time"),
        ("2026-03-14T12:00:00+24:00", "no zone is +24:00 off UTC"),
        ("2026-03-14T12:00:00+05:60", "no zone is +05:60 off UTC"),
        ("2026-03-14T12:00:00 CET", "expected a time"),
        ("2026-03-14T12:00:00.", "expected a time"),
        ("2026-03-14T12:00:00." + "0" * 60, "expected a time"),
        ("2026-03-14T12:00:00\n", "expected a time"),
        (" 2026-03-14T12:00:00", "expected a time"),
        ("14.03.2026 12:00:00", "expected a time"),
        ("２０２６-03-14T12:00:00", "expected a time"),
        ("٣", "expected a time"),
        ("", "expected a time"),
        ("-5", "expected a time"),
        ("1970-01-01T00:00:00Z", "before 2000-01-01, device clock not set?"),
        ("1999-12-31T23:59:59.999Z", "before 2000-01-01, device clock not set?"),
        (0, "before 2000-01-01, device clock not set?"),
        (-1, "before 2000-01-01"),
        (99_999_999, "before 2000-01-01, device clock not set?"),
        (100_000_000, "looks like epoch seconds"),
        (1_773_489_600, "looks like epoch seconds"),
        ("1773489600", "looks like epoch seconds"),
        (1_773_489_600.25, "looks like epoch seconds"),
        (9_999_999_999, "looks like epoch seconds"),
        (10_000_000_000, "before 2000-01-01, device clock not set?"),
        (1_773_489_600_000.5, "epoch milliseconds have no fraction"),
        ("2027-01-01T00:00:00.001Z", "later than 2027-01-01T00:00:00+00:00"),
        ("2999-01-01T00:00:00Z", "later than 2027-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59-23:59", "later than 2027-01-01T00:00:00+00:00"),
        (1_773_489_600_000_000, "looks like epoch micro- or nanoseconds"),
        (10**400, "later than"),
        (math.nan, "expected a time"),
        (math.inf, "expected a time"),
        (1e300, "later than"),
        (True, "expected a time"),
    ],
)
def test_what_is_no_time_says_why(written: str | int | float, why: str) -> None:
    with pytest.raises(TimeError) as caught:
        PARSERS[UTC].parse(written)
    assert why in str(caught.value)
    assert "found " in str(caught.value)


def test_bounds_belong_to_the_range() -> None:
    assert PARSERS[UTC].parse("2000-01-01T00:00:00Z") == EARLIEST_MS
    assert PARSERS[UTC].parse("2027-01-01T00:00:00Z") == LATEST_MS


def test_the_latest_time_moves_both_ways() -> None:
    times = TimeParser(UTC, 1_773_489_600_000)
    assert times.parse("2026-03-14T12:00:00Z") == 1_773_489_600_000
    times.latest_ms -= 1
    with pytest.raises(TimeError, match="later than"):
        times.parse("2026-03-14T12:00:00Z")
    times.latest_ms += 1
    assert times.parse("2026-03-14T12:00:00Z") == 1_773_489_600_000


def test_memory_is_bounded() -> None:
    times = TimeParser(UTC, LATEST_MS)
    for n in range(40_000):
        ms = 1_600_000_000_000 + n * 61_007
        assert times.parse(format_time(ms, UTC)) == ms
        assert times.parse(f"2026-03-14T12:00:00.{n:06}Z") == 1_773_489_600_000 + n // 1000

    assert len(times.minutes) <= 4_096
    assert len(times.tails) <= 4_096


@pytest.mark.parametrize(
    ("ms", "zone", "text"),
    [
        (1_773_489_600_000, "UTC", "2026-03-14T12:00:00+00:00"),
        (1_773_489_600_007, "UTC", "2026-03-14T12:00:00.007+00:00"),
        (1_773_489_600_000, "+05:30", "2026-03-14T17:30:00+05:30"),
        (1_773_489_600_000, "Europe/Berlin", "2026-03-14T13:00:00+01:00"),
        (1_783_944_000_000, "Europe/Berlin", "2026-07-13T14:00:00+02:00"),
        (-1, "UTC", "1969-12-31T23:59:59.999+00:00"),
    ],
)
def test_times_are_written_with_their_offset(ms: int, zone: str, text: str) -> None:
    assert format_time(ms, parse_zone(zone)) == text


def test_a_time_beyond_the_calendar_cannot_be_written() -> None:
    with pytest.raises(OverflowError):
        format_time(10**18, UTC)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("UTC", 0), ("Z", 0), ("+05:30", 330), ("-0330", -210), ("+14", 840), ("Asia/Kolkata", 330)],
)
def test_zones_by_offset_and_by_name(text: str, minutes: int) -> None:
    assert datetime(2026, 1, 1, tzinfo=parse_zone(text)).utcoffset() == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "+25:00", "+05:75", "5", "Mars/Olympus", "Europe", "../etc/passwd", "/etc", "\0"]
)
def test_what_is_no_zone_says_so(text: str) -> None:
    with pytest.raises(ValueError, match='expected a zone such as "UTC"'):
        parse_zone(text)
