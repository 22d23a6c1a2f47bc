"""What the author of a detector writes: one class that says everything about one finding.

A detector consumes streams, keys them, keeps a small state per key and decides. It does no I/O and
looks at no clock. See docs/adding-a-detector.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from guardian.alerts.model import Alert
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.state import KeyState
from guardian.events.model import Event

S = TypeVar("S", bound=KeyState)


class TimeSettingsError(ValueError):
    """A detector's window, retention and lateness contradict each other."""


class Input(msgspec.Struct, frozen=True):
    """One stream a detector consumes.

    topic: an input stream, or one another detector emits.
    key: gives the key the event belongs to, several of them, or None when the event is of no interest.
        It runs for every event of the topic: keep it cheap.
    apply: changes the state with the event.
    types: for alerts as input, the alert types wanted.
    once: the engine remembers the ids of the events, for as long as `retention_ms`, and applies each once.
        Where applying an event again changes nothing, say False: it keeps the state small.
    creates: whether an event opens a state for a key that has none. Where most events are about keys that
        nothing is known of (every shelf reports, few products are on their way out), say False: the event
        is then passed over, at hardly any cost. An expired state is none.
    """

    topic: str
    key: Callable[[Event], str | Sequence[str] | None]
    apply: Callable[[Any, Event, Context], None]
    types: frozenset[str] = frozenset()
    once: bool = True
    creates: bool = True


class Detector(ABC, Generic[S]):
    """Base of all detectors.

    A subclass sets the class attributes, calls `super().__init__`, and gives `inputs`, `span_ms`,
    and where needed `on_wake` and `narrate`.

    state: the Struct kept per key. state_version: raised when stored states of before cannot be read.
    emits: topics of derived events it gives to later detectors (alerts apart).
    publishes: kinds of history rows it is there for, if it raises no alerts and feeds nobody.
    retention_ms: how long a key that hears nothing is remembered at least, event time; at most an eighth
        longer.
    max_keys: keys stored at most; beyond that the longest idle are dropped, and counted.
    """

    about: ClassVar[About]
    state: ClassVar[type[KeyState]]
    state_version: ClassVar[int] = 1
    emits: ClassVar[tuple[str, ...]] = ()
    publishes: ClassVar[tuple[str, ...]] = ()
    retention_ms: int = 3_600_000
    max_keys: int = 200_000

    def __init__(self, *, lateness_ms: int) -> None:
        """`lateness_ms` is the allowed lateness of the streams: events that much out of order still count."""
        self.lateness_ms = lateness_ms
        if self.retention_ms < self.span_ms + lateness_ms:
            raise TimeSettingsError(
                f"{self.about.id}: retention of {self.retention_ms} ms is shorter than what one decision "
                f"looks back on ({self.span_ms} ms) plus the allowed lateness ({lateness_ms} ms)"
            )

    @property
    @abstractmethod
    def span_ms(self) -> int:
        """The longest event time between an event and a decision that still depends on it."""

    @property
    @abstractmethod
    def inputs(self) -> tuple[Input, ...]:
        """The streams consumed."""

    def on_wake(self, state: S, at: int, ctx: Context) -> None:
        """Called once the watermark has passed the time asked for with `state.wake_by`.

        at: that time, whatever the watermark is by now. `state.wake` is NEVER again when this is called.
        """

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        """The alert in a sentence or two for the person who has to act. `when` formats a time."""
        return f"{self.about.title} at {alert.subject.id}."
