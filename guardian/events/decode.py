"""From bytes to events. Nothing that arrives raises: what cannot be used comes back as `Rejected`.

Four shapes arrive: a bare value of a known topic (a file a topic, a Kafka message), a record
`{"topic", "key"?, "value"}`, what `kcat -J` prints, and the frames of the store's TCP feed.

The common case (lines of valid values, in plain ASCII) runs through `decode_lines` step by step: all are
decoded, all times are read, all events are built. All questions a value can raise are answered off that path,
in `_second_look`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

from guardian.alerts.incoming import alert_event
from guardian.events.faults import Fault, Unparsed, fault_in, fault_of
from guardian.events.leniency import Mend, mender
from guardian.events.model import Event, Rejected
from guardian.events.times import EARLIEST_MS, MINUTE_CHARS, SECOND_CHARS, SECONDS, TimeError, TimeParser
from guardian.events.topics import FRAUD_ALERTS, OUTPUT_TOPICS, TOPICS, topic_for_dataset
from guardian.events.wording import OddNumber, found

MAX_RECORD_BYTES: Final = 1 << 20
"""Longer records are rejected unparsed."""

# Everything decoding is known to raise on hostile input. UnicodeDecodeError, TimeError and all of
# msgspec's errors about input are ValueErrors; nested brackets end in a RecursionError.
_UNUSABLE = (ValueError, RecursionError)

_MAX_REASON_CHARS = 200
_MAX_DIGITS = 4000  # Python refuses to convert longer integers
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _TooLargeError(ValueError):
    """A record beyond MAX_RECORD_BYTES."""


class _Reader(msgspec.Struct):
    """What decoding a topic's values needs, looked up once."""

    topic: str
    contract: type[msgspec.Struct]
    time_field: str
    time_of: Callable[[Any], Any]
    check: Callable[[Any], Fault | None] | None
    decode: Callable[[bytes], Any]
    mend: Mend


_NOTHING = msgspec.Raw()


class _Envelope(msgspec.Struct, gc=False):
    """A record with its topic; the key is of no interest. `payload` is kcat's name for the value."""

    topic: str
    value: msgspec.Raw = _NOTHING
    payload: msgspec.Raw = _NOTHING
    partition: _Number | None = None
    offset: _Number | None = None


class _Frame(msgspec.Struct, gc=False):
    """A line of the store's TCP feed. Its own times say when it was sent: the event has its own."""

    dataset: str | None = None
    sequence: _Number | None = None
    event: msgspec.Raw = _NOTHING
    service: msgspec.Raw = _NOTHING


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_frame = msgspec.json.Decoder(_Frame).decode
_decode_text = msgspec.json.Decoder(str).decode


class Decoder:
    """Decodes the values of all topics, reading times with `times`.

    Positions and sources are only passed on: they say where a record was, and stand for its identity
    when its producer gives none.
    """

    def __init__(self, times: TimeParser) -> None:
        self._times = times
        self._readers = {
            topic.name: _Reader(
                topic.name,
                topic.contract,
                topic.time_field,
                attrgetter(topic.time_field),
                topic.check,
                msgspec.json.Decoder(topic.contract).decode,
                mender(topic.contract),
            )
            for topic in TOPICS.values()
        }

    def decode_value(
        self, topic: str, raw: bytes, source: str, position: int, fallback_id: str | None = None
    ) -> Event | Rejected:
        """One bare value of `topic`, or an alert document: only this way do alerts of other parts come in.

        fallback_id: identity where the value has no `event_id`, such as "topic/partition/offset".
        """
        reader = self._readers.get(topic)
        if reader is None:
            if topic == FRAUD_ALERTS:
                return alert_event(raw, self._times, source, position, fallback_id)
            return _unknown_topic(topic, "topic", source, position, raw)
        return self._value(reader, raw, source, position, fallback_id)

    def decode_lines(
        self, topic: str, lines: Sequence[bytes], source: str, first_position: int
    ) -> list[Event | Rejected]:
        """One bare value of `topic` a line; `first_position` is that of the first.

        Blank lines give nothing, but have their position.
        """
        reader = self._readers.get(topic)
        if reader is None:
            return [
                _unknown_topic(topic, "topic", source, position, line)
                for position, line in enumerate(lines, first_position)
                if line.strip()
            ]
        # Asked of all lines at once, since asking each costs as much as a tenth of decoding it. The
        # decoder itself does not look inside fields the contract does not know, and history keeps them.
        careful = max(map(len, lines), default=0) > MAX_RECORD_BYTES or not all(map(bytes.isascii, lines))
        if not careful:
            decode, check, name = reader.decode, reader.check, reader.topic
            try:
                values = [decode(line) for line in lines]
                moments = self._times.parse_all(list(map(reader.time_of, values)))
            except _UNUSABLE:
                pass  # one of them needs a second look
            else:
                if check is None or not any(map(check, values)):
                    return [
                        Event(name, time, value, value.event_id, source, position, line)
                        for position, (time, value, line) in enumerate(
                            zip(moments, values, lines, strict=True), first_position
                        )
                    ]
        return [
            self._value(reader, line, source, position, None)
            for position, line in enumerate(lines, first_position)
            if line.strip()
        ]

    def decode_record(self, line: bytes, source: str, position: int) -> Event | Rejected:
        """A record `{"topic", "key"?, "value"}`, or `{"topic", "key", "payload"}` as `kcat -J` prints it.

        The value may be an object, or a JSON string that holds one. Without `event_id`, a record with a
        partition and an offset is identified by "topic/partition/offset".
        """
        try:
            _require_sound(line)
            envelope = _decode_envelope(line)
        except _UNUSABLE as error:
            return _bad_envelope(_Envelope, line, source, position, error)
        topic = envelope.topic
        reader = self._readers.get(topic)
        if reader is None:
            return _unknown_topic(topic, "topic", source, position, line)
        raw = bytes(_value_of(envelope))
        if not raw:
            return Rejected(topic, *fault_in("value", "required, but missing"), source, position, line)
        if raw.startswith(b'"'):
            try:
                raw = _decode_text(raw).encode()
            except _UNUSABLE as error:
                return _bad_envelope(_Envelope, line, source, position, error)
        return self._value(reader, raw, source, position, _kafka_id(envelope))

    def decode_records(
        self, lines: Sequence[bytes], source: str, first_position: int
    ) -> list[Event | Rejected]:
        """A record a line (see `decode_record`). Blank lines give nothing, but have their position."""
        out: list[Event | Rejected] = []
        add, readers, times = out.append, self._readers, self._times
        minutes, tails, seconds = times.minutes.get, times.tails.get, SECONDS.get
        latest, parse = times.latest_ms, times.parse
        careful = max(map(len, lines), default=0) > MAX_RECORD_BYTES or not all(map(bytes.isascii, lines))
        for position, line in enumerate(lines, first_position):
            try:
                if careful:
                    _require_sound(line)
                envelope = _decode_envelope(line)
                reader = readers[envelope.topic]
                raw = bytes(_value_of(envelope))
                if raw.startswith(b'"'):
                    raw = _decode_text(raw).encode()
                value = reader.decode(raw)
                stamp = getattr(value, reader.time_field)
                if (
                    stamp.__class__ is str
                    and (bases := minutes(stamp[:MINUTE_CHARS])) is not None
                    and (second := seconds(stamp[MINUTE_CHARS:SECOND_CHARS])) is not None
                    and (tail := tails(stamp[SECOND_CHARS:])) is not None
                ):
                    time = bases[tail[1]] + second + tail[0]
                    if not EARLIEST_MS <= time <= latest:
                        time = parse(stamp)
                else:
                    time = parse(stamp)
            except (LookupError, *_UNUSABLE):
                # Whatever it is, `decode_record` finds it again and knows what to say of it.
                if line.strip():
                    add(self.decode_record(line, source, position))
            else:
                add(_finish(reader, value, time, raw, source, position, _kafka_id(envelope)))
        return out

    def decode_frame(self, line: bytes, source: str) -> Event | Rejected | None:
        """A frame of the store's TCP feed; its sequence is the position. None: the feed's banner."""
        try:
            _require_sound(line)
            frame = _decode_frame(line)
        except _UNUSABLE as error:
            return _bad_envelope(_Frame, line, source, 0, error)
        position = frame.sequence or 0
        if frame.event is _NOTHING:
            if frame.service is not _NOTHING:
                return None
            return Rejected(None, *fault_in("event", "required, but missing"), source, position, line)
        if frame.dataset is None:
            return Rejected(None, *fault_in("dataset", "required, but missing"), source, position, line)
        topic = topic_for_dataset(frame.dataset)
        if topic is None:
            return _unknown_topic(frame.dataset, "dataset", source, position, line)
        if frame.sequence is None:
            return Rejected(topic, *fault_in("sequence", "required, but missing"), source, 0, line)
        return self._value(self._readers[topic], bytes(frame.event), source, position, None)

    def _value(
        self, reader: _Reader, raw: bytes, source: str, position: int, fallback_id: str | None
    ) -> Event | Rejected:
        try:
            _require_sound(raw)
            value = reader.decode(raw)
            time = self._times.parse(getattr(value, reader.time_field))
        except _UNUSABLE as error:
            return self._second_look(reader, raw, source, position, fallback_id, error)
        return _finish(reader, value, time, raw, source, position, fallback_id)

    def _second_look(
        self,
        reader: _Reader,
        raw: bytes,
        source: str,
        position: int,
        fallback_id: str | None,
        error: Exception,
    ) -> Event | Rejected:
        """A value that did not decode as it stands: mended if it can be, else rejected for its reason."""
        if not raw:
            return Rejected(reader.topic, None, "empty record", source, position, raw)
        document, error = _parse(raw, error)
        if document is not Unparsed:
            try:
                value = msgspec.convert(reader.mend(document), reader.contract)
                time = self._times.parse(getattr(value, reader.time_field))
            except _UNUSABLE as later:
                error = later
            else:
                return _finish(reader, value, time, raw, source, position, fallback_id)
        if isinstance(error, TimeError):
            fault = fault_in(reader.time_field, str(error))
        else:
            fault = _constant_in(raw, reader) or _fault(error, document, reader.contract)
        return Rejected(reader.topic, fault.field, fault.reason, source, position, raw)


def _value_of(envelope: _Envelope) -> msgspec.Raw:
    return envelope.value if envelope.value is not _NOTHING else envelope.payload


def _kafka_id(envelope: _Envelope) -> str | None:
    if envelope.partition is None or envelope.offset is None:
        return None
    return f"{envelope.topic}/{envelope.partition}/{envelope.offset}"


def _finish(
    reader: _Reader,
    value: Any,
    time: int,
    raw: bytes,
    source: str,
    position: int,
    fallback_id: str | None,
) -> Event | Rejected:
    """The event of a decoded value, unless something beyond its types is wrong."""
    if reader.check is not None and (fault := reader.check(value)) is not None:
        return Rejected(reader.topic, fault.field, fault.reason, source, position, raw)
    event_id = value.event_id
    if event_id is None:
        event_id = fallback_id
    return Event(reader.topic, time, value, event_id, source, position, raw)


def _require_sound(raw: bytes) -> None:
    """Raises if `raw` is too large to parse, or not UTF-8 throughout."""
    if len(raw) > MAX_RECORD_BYTES:
        raise _TooLargeError
    if not raw.isascii():
        raw.decode()


def _parse(raw: bytes, error: Exception) -> tuple[Any, Exception]:
    """`raw` as plain JSON, or Unparsed; and, of `error` and what parsing raised, the more telling one."""
    if isinstance(error, _TooLargeError | UnicodeError):
        return Unparsed, error
    try:
        return msgspec.json.decode(raw.removeprefix(_BYTE_ORDER_MARK)), error
    except msgspec.ValidationError:
        # Sound JSON with a number beyond what Python holds, perhaps in a field that is none of ours.
        return _parse_odd(raw), error
    except _UNUSABLE as malformed:
        return Unparsed, malformed


def _parse_odd(raw: bytes) -> Any:
    """`raw` as JSON with an OddNumber for each number that is none; Unparsed if that does not help."""
    try:
        return json.loads(
            raw.removeprefix(_BYTE_ORDER_MARK).decode(),
            parse_constant=lambda text: OddNumber(text, "not JSON"),
            parse_float=_float_or_odd,
            parse_int=_int_or_odd,
        )
    except _UNUSABLE:
        return Unparsed


def _float_or_odd(text: str) -> float | OddNumber:
    value = float(text)
    return value if math.isfinite(value) else OddNumber(text, "out of range")


def _int_or_odd(text: str) -> int | OddNumber:
    return int(text) if len(text) < _MAX_DIGITS else OddNumber(text, "out of range")


def _constant_in(raw: bytes, reader: _Reader) -> Fault | None:
    """The field that holds a NaN or Infinity, if that is what makes `raw` no JSON.

    Python producers write these for a reading they do not have, so it is worth naming the field.
    """
    if len(raw) > MAX_RECORD_BYTES or not (b"NaN" in raw or b"Infinity" in raw):
        return None
    document = _parse_odd(raw)
    try:
        msgspec.convert(reader.mend(document), reader.contract)
    except msgspec.ValidationError as error:
        return fault_of(error, document, reader.contract) if document is not Unparsed else None
    return None


def _fault(error: Exception, document: Any, contract: type[msgspec.Struct]) -> Fault:
    match error:
        case msgspec.ValidationError():
            return fault_of(error, document, contract)
        case _TooLargeError():
            return Fault(None, f"larger than {MAX_RECORD_BYTES} bytes")
        case UnicodeDecodeError() | UnicodeEncodeError():
            return Fault(None, f"not valid UTF-8: {error.reason} (byte {error.start})")
        case RecursionError():
            return Fault(None, "nested too deeply")
        case _:
            why = str(error).removeprefix("JSON is malformed: ")
            return Fault(None, f"not valid JSON: {why[:_MAX_REASON_CHARS]}")


def _bad_envelope(
    contract: type[msgspec.Struct], line: bytes, source: str, position: int, error: Exception
) -> Rejected:
    """A record or frame whose value was not reached; its stream is named if that much can be read."""
    document, error = _parse(line, error)
    topic = None
    if isinstance(document, dict):
        name, dataset = document.get("topic"), document.get("dataset")
        if isinstance(name, str) and name in TOPICS:
            topic = name
        elif isinstance(dataset, str):
            topic = topic_for_dataset(dataset)
    fault = _fault(error, document, contract)
    return Rejected(topic, fault.field, fault.reason, source, position, line)


def _unknown_topic(name: str, field: str, source: str, position: int, raw: bytes) -> Rejected:
    what = f"unknown stream, found {found(name)}"
    if name in OUTPUT_TOPICS:
        what = f"{name} is a stream that is written, never read"
    return Rejected(None, *fault_in(field, what), source, position, raw)
