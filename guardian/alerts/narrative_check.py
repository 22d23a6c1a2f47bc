"""Holds a narrative against the alert it tells of: whatever it names must be in there.

A model that writes is not believed. Every number, id, date and name in its text has to occur in the alert's
facts, in a form that means the same (1,234 is 1234; 1.5 kg is `expected_weight_g` 1500; 2025-06-03 is the day
of 2025-06-03T02:43:03). What cannot be traced is an objection, and the text is not shown. The check is strict
on purpose: a text that is refused without need costs nothing, the template narrative stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

SHORTEST: Final = 10
LONGEST: Final = 500
"""Characters in each part of a narrative."""

REPEATED_WORDS: Final = 6
"""So many words in a row, out of a text in the evidence, are no longer telling but repeating it."""


class Objection(msgspec.Struct, frozen=True):
    """Why a text is not shown. code: for logs and counters. token: what it is about; may be personal."""

    code: str
    token: str = ""


class _Facts:
    """All that is known, in the forms in which a text may name it."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.words: set[str] = set()
        self.numbers: set[Decimal] = set()
        self.measures: dict[str, set[Decimal]] = {"s": set(), "g": set()}
        """Quantities by dimension, in its unit."""
        self.repeatable: set[tuple[str, ...]] = set()
        self._add(facts, "")
        evidence = facts.get("evidence")
        if isinstance(evidence, Mapping):
            self._add_runs(evidence)

    def _add(self, value: Any, name: str) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                self._add_text(str(key))
                self._add(item, str(key))
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._add(item, name)
        elif isinstance(value, bool) or value is None:
            return
        elif isinstance(value, (int, float)):
            self._add_number(Decimal(str(value)), name)
        else:
            self._add_text(str(value))

    def _add_number(self, number: Decimal, name: str) -> None:
        if not number.is_finite():
            return
        self.numbers.add(abs(number))
        for unit, suffixes in _FIELD_UNITS.items():
            for suffix, factor in suffixes:
                if name.endswith(suffix) or (suffix == "_s" and "seconds" in name):
                    self.measures[unit].add(abs(number) * factor)

    def _add_text(self, text: str) -> None:
        text = _plain(text)
        self.words.add(text.casefold().strip())
        chunks = list(_chunks(text))
        for index, (chunk, _) in enumerate(chunks):
            self.words.add(chunk.casefold())
            self.words.update(part.casefold() for part in re.split(r"[_\-/:]", chunk) if part.isalpha())
            following = chunks[index + 1][0] if index + 1 < len(chunks) else ""
            if (quantity := _quantity(chunk, following)) is not None:
                number, unit = quantity
                self.numbers.add(abs(number))
                if unit in _UNITS:
                    dimension, factor = _UNITS[unit]
                    self.measures[dimension].add(abs(number) * factor)
        for day, minute, second in _INSTANT.findall(text):
            self.words.update({day, minute, *([f"{minute}{second}"] if second else [])})

    def _add_runs(self, value: Any) -> None:
        if isinstance(value, Mapping):
            value = list(value.values())
        if isinstance(value, (list, tuple)):
            for item in value:
                self._add_runs(item)
        elif isinstance(value, str):
            self.repeatable.update(_runs(value))


_FIELD_UNITS: Final = {
    "s": (("_s", Decimal(1)), ("_ms", Decimal("0.001"))),
    "g": (("_g", Decimal(1)), ("_kg", Decimal(1000))),
}
_UNITS: Final[dict[str, tuple[str, Decimal]]] = {
    name: (dimension, Decimal(factor))
    for dimension, factor, names in (
        ("s", "0.001", "ms millisecond milliseconds"),
        ("s", "1", "s sec secs second seconds"),
        ("s", "60", "min mins minute minutes"),
        ("s", "3600", "h hr hrs hour hours"),
        ("s", "86400", "day days"),
        ("g", "1", "g gram grams"),
        ("g", "1000", "kg kilo kilos kilogram kilograms"),
    )
    for name in names.split()
}
_PERCENT: Final = frozenset(["%", "percent", "per cent", "pct", "percentage"])

_INSTANT = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?")
_NUMBER = re.compile(
    r"([+\-]?)[€$£]?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(%|[a-z]{1,12})?", re.ASCII | re.IGNORECASE
)
_MARKUP = re.compile(r"[<>`*#|\[\]{}\\~]")
_LINK = re.compile(r"://|www\.|@|[^\W\d_]{2,}\.[^\W\d_]{2,}|\d{1,3}(?:\.\d{1,3}){3}", re.IGNORECASE)
_EDGES = ".,;:!?()\"'“”‘’„…"
_PLAYED_DOWN = re.compile(
    r"\b(false alarm|no action|ignore|disregard|do nothing|nothing to do|no need"
    r"|not a (theft|fraud|problem))\b",
    re.IGNORECASE,
)


def _words(*lines: str) -> list[str]:
    return " ".join(lines).split()


_SMALL: Final = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen",
    "sixteen seventeen eighteen nineteen",
)
_NUMBER_WORDS: Final = {word: value for value, word in enumerate(_SMALL)} | {
    word: 10 * value
    for value, word in enumerate(_words("twenty thirty forty fifty sixty seventy eighty ninety"), start=2)
}
_SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_VAGUE_NUMBERS: Final = frozenset(
    _words(
        "dozen dozens hundreds thousands millions billion billions half halved twice thrice double doubled",
        "triple tripled quarter third thirds tenfold twofold",
    )
)

_OPENERS: Final = frozenset(
    _words(
        "a an the this that these those it its they their there he she his her who what when where while",
        "why how at on in by to of for from with without within into after before since during between",
        "until under over because although though if as so and but or nor not no none nobody nothing all",
        "any each every both either neither several many most more few some someone somebody something",
        "another other one only also then now here first second next finally meanwhile immediately",
        "however such due according article articles product products item items goods unit units stock",
        "shelf shelves truck trucks shipment shipments label labels code codes tag tags scanner scanners",
        "scale camera cameras sensor sensors station stations checkout customer customers employee",
        "employees person people staff security shift warehouse store site inventory price weight queue",
        "queues books records scan scans scanned theft fraud loss evidence ask block call check close",
        "collect compare confirm contact count do escort examine find follow freeze go have hold identify",
        "inform inspect interview isolate keep leave let lock look make notify open pause place pull",
        "question recount remove report rescan reset restart retrieve review search secure send speak",
        "start stop suspend take talk tell track trace verify wait walk watch weigh",
    )
)
"""Words a sentence may begin with. At the beginning a name cannot be told from them by its capital letter."""

_ACRONYMS: Final = frozenset(_words("RFID QR POS ID IDs SKU SKUs EPC CCTV UTC I"))
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        _words("january february march april may june july august september october november december"),
        start=1,
    )
}
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d{{4}})\b", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({'|'.join(_MONTHS)}) (\d{{1,2}}), (\d{{4}})\b", re.IGNORECASE)


def check_narrative(parts: Mapping[str, str], facts: Mapping[str, Any]) -> Objection | None:
    """The first objection to a narrative, or None if there is none.

    parts: the texts by their names. facts: the alert document, as far as the model was shown it.
    """
    known = _Facts(facts)
    for name, text in parts.items():
        if not SHORTEST <= len(text.strip()) <= LONGEST:
            return Objection("length", name)
        if objection := _form(text) or _content(_plain(text), known):
            return objection
    whole = " ".join(parts.values())
    if (found := _PLAYED_DOWN.search(whole)) and facts.get("status") != "cleared":
        return Objection("plays_down", found[0])
    subject = facts.get("subject")
    if isinstance(subject, Mapping) and subject.get("kind") != "site":
        # A text that has been talked into something else seldom goes on naming what the alert is about.
        if _plain(str(subject.get("id", ""))).casefold() not in _plain(whole).casefold():
            return Objection("subject_missing")
    return None


def _form(text: str) -> Objection | None:
    for sign in text:
        if unicodedata.category(sign)[0] == "C" or unicodedata.category(sign) in {"Zl", "Zp"}:
            return Objection("control_character", f"U+{ord(sign):04X}")
    plain = _plain(text)
    if found := _MARKUP.search(plain):
        return Objection("markup", found[0])
    if found := _LINK.search(plain):
        return Objection("link", found[0])
    return None


def _content(text: str, known: _Facts) -> Objection | None:
    for run in _runs(text):
        if run in known.repeatable:
            return Objection("repeats_evidence", " ".join(run))
    text = _DAY_FIRST.sub(lambda found: _iso_day(found[3], found[2], found[1]), text)
    text = _MONTH_FIRST.sub(lambda found: _iso_day(found[3], found[1], found[2]), text)
    chunks = list(_chunks(text))
    for index, (chunk, opens) in enumerate(chunks):
        following = chunks[index + 1][0] if index + 1 < len(chunks) else ""
        if objection := _chunk(chunk, opens, following, known):
            return objection
    return _number_words(chunks, known)


def _iso_day(year: str, month: str, day: str) -> str:
    return f"{year}-{_MONTHS[month.casefold()]:02}-{int(day):02}"


def _chunk(chunk: str, opens: bool, following: str, known: _Facts) -> Objection | None:
    word = chunk.casefold()
    if (quantity := _quantity(chunk, following)) is not None:
        number, unit = quantity
        return None if _is_known(abs(number), unit, known) else Objection("unknown_number", chunk)
    if word in known.words:
        return None
    if any(sign.isnumeric() for sign in chunk):
        return Objection("unknown_id", chunk)
    if "_" in chunk:
        return Objection("unknown_id", chunk)
    if "%" in chunk or "‰" in chunk:
        return Objection("unknown_number", chunk)
    for part in re.split(r"[\-/'’]", chunk):
        if not any(sign.isupper() for sign in part) or part in _ACRONYMS or part.casefold() in known.words:
            continue
        if opens and word in _OPENERS:
            continue
        return Objection("unknown_name", chunk)
    return None


def _is_known(number: Decimal, unit: str, known: _Facts) -> bool:
    if unit in _PERCENT:
        share = number / 100
        return f"{number}%" in known.words or (0 < share < 1 and share in known.numbers)
    if unit in _UNITS:
        dimension, factor = _UNITS[unit]
        return number * factor in known.measures[dimension]
    return number in known.numbers


def _number_words(chunks: list[tuple[str, bool]], known: _Facts) -> Objection | None:
    """Looks at numbers that are written out. "One" is mostly no number at all, and passes alone."""
    words = [part for chunk, _ in chunks for part in chunk.casefold().split("-")]
    index = 0
    while index < len(words):
        word = words[index]
        if word in _VAGUE_NUMBERS and word not in known.words:
            return Objection("unknown_number", word)
        if word not in _NUMBER_WORDS and word not in _SCALES:
            index += 1
            continue
        total = current = 0
        begin = index
        while index < len(words) and (words[index] in _NUMBER_WORDS or words[index] in _SCALES):
            if (scale := _SCALES.get(words[index])) is None:
                current += _NUMBER_WORDS[words[index]]
            elif scale == 100:
                current = max(current, 1) * scale
            else:
                total += max(current, 1) * scale
                current = 0
            index += 1
        unit = words[index] if index < len(words) else ""
        if words[begin:index] == ["one"] and unit not in _UNITS and unit not in _PERCENT:
            continue
        if not _is_known(Decimal(total + current), unit, known):
            return Objection("unknown_number", " ".join(words[begin:index]))
    return None


def _quantity(chunk: str, following: str) -> tuple[Decimal, str] | None:
    """A number and its unit ("" without one), where a chunk is one; the unit may be the chunk after it."""
    found = _NUMBER.fullmatch(chunk)
    if found is None:
        return None
    unit = (found[3] or "").casefold()
    if unit and unit not in _UNITS and unit != "%":
        return None  # "12a" is an id
    if not unit and (after := following.casefold()) in _UNITS | dict.fromkeys(_PERCENT):
        unit = after
    try:
        return Decimal(found[2].replace(",", "")), unit
    except InvalidOperation:
        return None


def _chunks(text: str) -> Iterator[tuple[str, bool]]:
    """What stands between spaces and dashes, without the punctuation around it, and whether it opens a
    sentence."""
    opens = True
    for raw in re.split(r"[\s–—]+|(?<=[\w%])[;,](?=[^\W\d])", text):
        chunk = raw.strip(_EDGES)
        if chunk.endswith(("'s", "’s")):
            chunk = chunk[:-2]
        if chunk:
            yield chunk, opens
            opens = False
        if raw.rstrip(")\"'”’").endswith((".", "!", "?")):
            opens = True


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = [chunk.casefold() for chunk, _ in _chunks(_plain(text))]
    for begin in range(len(words) - REPEATED_WORDS + 1):
        yield tuple(words[begin : begin + REPEATED_WORDS])


def _plain(text: str) -> str:
    """One form for digits, letters and signs that look alike."""
    return unicodedata.normalize("NFKC", text).replace("−", "-").replace("‐", "-").replace("‑", "-")
