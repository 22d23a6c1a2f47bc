"""Event times: what producers write, to epoch milliseconds UTC and back."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from guardian.events.wording import found

EARLIEST_MS: Final = 946_684_800_000  # 2000-01-01T00:00:00Z

# Thousands of events share a minute, and there are but a thousand fractions, so both are worth remembering;
# nothing is remembered without bound. A full memo is emptied at once: cheaper than choosing what to evict.
_MAX_PARTS: Final = 4_096

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_CHARS: Final = 64
_MICROSECONDS_FROM: Final = 10**14
MINUTE_CHARS: Final = 17  # "2025-08-13T16:00:"
SECOND_CHARS: Final = MINUTE_CHARS + 2
_MINUTE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):")
_TAIL: Final = re.compile(r"(?:[.,]([0-9]+))? ?(?:([Zz]|UTC)|([+-])([0-9]{2})(?::?([0-9]{2}))?)?")
_WITHOUT_SECONDS: Final = re.compile(r"(.{10}[Tt ][0-9]{2}:[0-9]{2})((?: ?[Zz]| ?UTC| ?[+-].*)?)")
_DATE: Final = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}")
_OFFSET: Final = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})?")
IN_UTC: Final = 0
SITE_ZONE: Final = 1
SECONDS: Final = {f"{second:02}": second * 1000 for second in range(60)}


class TimeError(ValueError):
    """A time that cannot be one. The text says what was found and why it will not do."""


class TimeParser:
    """Reads the times of one site.

    zone: zone of times that name none. Where a clock is set back, such a time means its first
        occurrence; a time that the clock skips is read with the offset from before the change.
    latest_ms: later times are refused, epoch milliseconds. The runtime moves it with its clock.
    minutes, tails: parts of times read before. For `Decoder`, which saves the call where it can:
        minutes: minute as written, colon included → its ms if it is in (UTC, the site's zone).
        tails: what follows the seconds → (ms to add, which of the two it is).
    """

    __slots__ = ("_zone", "latest_ms", "minutes", "tails")

    def __init__(self, zone: tzinfo, latest_ms: int) -> None:
        self._zone = zone
        self.latest_ms = latest_ms
        self.minutes: dict[str, tuple[int, int]] = {}
        self.tails: dict[str, tuple[int, int]] = {}

    @property
    def zone(self) -> tzinfo:
        """Zone of times that name none. Fixed, since what has been read is remembered."""
        return self._zone

    def parse(self, raw: str | int | float) -> int:
        """Epoch milliseconds UTC of `raw`; digits beyond the millisecond are cut off.

        Takes ISO-8601 date and time (T or blank between them; fraction, zone and seconds optional) and
        epoch milliseconds as an integer, a float without a fraction, or a string of digits.
        Raises TimeError for everything else, for times before 2000 and for times after `latest_ms`.
        """
        ms = self._read(raw)
        if ms < EARLIEST_MS:
            raise TimeError(f"found {found(raw)}: {_why_early(raw, ms)}")
        if ms > self.latest_ms:
            raise TimeError(f"found {found(raw)}: {self._why_late(raw, ms)}")
        return ms

    def parse_all(self, raws: Sequence[str | int | float]) -> list[int]:
        """`parse` of each, fastest where neighbours are of the same second.

        Raises TimeError for one of those that will not do.
        """
        parse = self.parse
        minutes, tails, seconds = self.minutes.get, self.tails.get, SECONDS.get
        second, of_second = "", (0, 0)
        parsed: list[int] = []
        add = parsed.append
        try:
            for raw in raws:
                if raw[:SECOND_CHARS] != second:  # type: ignore[index]
                    text = str(raw)
                    of_minute, ms = minutes(text[:MINUTE_CHARS]), seconds(text[MINUTE_CHARS:SECOND_CHARS])
                    if of_minute is None or ms is None:
                        add(parse(raw))
                        continue
                    second, of_second = text[:SECOND_CHARS], (of_minute[0] + ms, of_minute[1] + ms)
                tail = tails(raw[SECOND_CHARS:])  # type: ignore[index]
                add(parse(raw) if tail is None else of_second[tail[1]] + tail[0])
        except TypeError:  # a number has no characters
            return [parse(raw) for raw in raws]
        if parsed and not (min(parsed) >= EARLIEST_MS and max(parsed) <= self.latest_ms):
            return [parse(raw) for raw in raws]
        return parsed

    def _read(self, raw: str | int | float) -> int:
        if isinstance(raw, bool):
            raise TimeError(f"expected a time, found {found(raw)}")
        if isinstance(raw, str):
            return self._read_text(raw)
        if isinstance(raw, int):
            return raw
        if not math.isfinite(raw):
            raise TimeError(f"expected a time, found {found(raw)}")
        if not raw.is_integer():
            why = "epoch milliseconds have no fraction"
            if _like_seconds(raw):
                why = "looks like epoch seconds, milliseconds are expected"
            raise TimeError(f"found {found(raw)}: {why}")
        return int(raw)

    def _read_text(self, text: str) -> int:
        second = SECONDS.get(text[MINUTE_CHARS : MINUTE_CHARS + 2])
        if second is None or text[MINUTE_CHARS - 1] != ":":
            return self._read_other(text)
        minute, tail = text[:MINUTE_CHARS], text[MINUTE_CHARS + 2 :]
        bases = self.minutes.get(minute) or self._read_minute(minute, text)
        shift, zone = self.tails.get(tail) or self._read_tail(tail, text)
        return bases[zone] + second + shift

    def _read_minute(self, minute: str, text: str) -> tuple[int, int]:
        match = _MINUTE.fullmatch(minute)
        if match is None:
            raise _refusal(text)
        year, month, day, hour, minutes = map(int, match.groups())
        try:
            written = datetime(year, month, day, hour, minutes, tzinfo=UTC)
        except ValueError as error:
            raise TimeError(f"found {found(text)}: {error}") from None
        here = written.replace(tzinfo=self._zone)
        bases = (_since_epoch(written - _EPOCH), _since_epoch(here - _EPOCH))
        if len(self.minutes) >= _MAX_PARTS:
            self.minutes.clear()
        self.minutes[minute] = bases
        return bases

    def _read_tail(self, tail: str, text: str) -> tuple[int, int]:
        match = _TAIL.fullmatch(tail) if len(text) <= _MAX_CHARS else None
        if match is None:
            raise _refusal(text)
        digits, utc, sign, hours, minutes = match.groups()
        fraction = int(f"{digits}000"[:3]) if digits else 0
        offset = 0 if utc else None
        if sign:
            offset = _offset_ms(sign, hours, minutes)
            if offset is None:
                raise TimeError(f"found {found(text)}: no zone is {sign}{hours}:{minutes or '00'} off UTC")
        if len(self.tails) >= _MAX_PARTS:
            self.tails.clear()
        read = (fraction, SITE_ZONE) if offset is None else (fraction - offset, IN_UTC)
        self.tails[tail] = read
        return read

    def _read_other(self, text: str) -> int:
        """Texts that do not have seconds where they usually are."""
        if len(text) <= _MAX_CHARS and not _DATE.fullmatch(text):
            if text.isascii() and text.isdigit():
                return int(text)
            if match := _WITHOUT_SECONDS.fullmatch(text):
                return self._read_text(f"{match[1]}:00{match[2]}")
        raise _refusal(text)

    def _why_late(self, raw: str | int | float, ms: int) -> str:
        try:
            latest = format_time(self.latest_ms, self._zone)
        except OverflowError:
            latest = f"{self.latest_ms} ms"
        if _is_number(raw) and ms >= _MICROSECONDS_FROM:
            return f"later than {latest}, looks like epoch micro- or nanoseconds"
        return f"later than {latest}"


def format_time(ms: int, zone: tzinfo) -> str:
    """ISO-8601 in `zone` with its offset: "2025-08-13T16:00:05+02:00"; milliseconds only if there are any.

    Raises OverflowError outside the years 1 to 9999.
    """
    moment = (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds")


def parse_zone(text: str) -> tzinfo:
    """The zone called "UTC", "+05:30" or "Europe/Berlin". Raises ValueError, saying what was found.

    Names come from the system's time zone database, or from the `tzdata` package where there is none.
    """
    if text in ("UTC", "Z"):
        return UTC
    if match := _OFFSET.fullmatch(text):
        offset = _offset_ms(*match.groups())
        if offset is not None:
            return timezone(timedelta(milliseconds=offset))
    elif text:
        # Beside "not found", a name that is a folder ("Europe") or leaves the database is an OSError or
        # a ValueError of its own.
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(text)
    raise ValueError(f'expected a zone such as "UTC", "+05:30" or "Europe/Berlin", found {found(text)}')


def _since_epoch(delta: timedelta) -> int:
    return delta.days * 86_400_000 + delta.seconds * 1000


def _offset_ms(sign: str, hours: str, minutes: str | None) -> int | None:
    """Milliseconds east of UTC; None if it is no offset that a zone could have."""
    if int(hours) >= 24 or int(minutes or 0) >= 60:
        return None
    east = (int(hours) * 60 + int(minutes or 0)) * 60_000
    return -east if sign == "-" else east


def _is_number(raw: str | int | float) -> bool:
    return not isinstance(raw, str) or raw.isdigit()


def _like_seconds(value: float) -> bool:
    return 1e8 <= value < 1e10


def _why_early(raw: str | int | float, ms: int) -> str:
    if _is_number(raw) and _like_seconds(ms):
        return "looks like epoch seconds, milliseconds are expected"
    return "before 2000-01-01, device clock not set?"


def _refusal(text: str) -> TimeError:
    if _DATE.fullmatch(text):
        return TimeError(f"found {found(text)}: a date without a time of day")
    return TimeError(f"expected a time in ISO-8601 or epoch milliseconds, found {found(text)}")
