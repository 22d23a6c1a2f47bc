"""Tells of an alert, once: who, when, and again after a failure."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from enum import StrEnum

import msgspec

from guardian.adapters.notify.backoff import Backoff
from guardian.alerts.document import AlertDocument
from guardian.alerts.routing import STATES, Quiet, Route, Verdict, channels_for, state_of, verdict
from guardian.ports import Channel, Notice, NoticeRecords, NotSentError


class Outcome(StrEnum):
    """What became of an alert in one channel.

    BUSY and FAILED: to be tried again later; BUSY: somebody else is telling this channel of the alert just
    now. REFUSED: another attempt would end the same.
    """

    SENT = "sent"
    KNOWN = "known"
    QUIET = "quiet"
    BUSY = "busy"
    FAILED = "failed"
    REFUSED = "refused"


class Told(msgspec.Struct, frozen=True):
    """One channel's outcome. reason: a short code where it could not be sent, else empty."""

    channel: str
    outcome: Outcome
    reason: str = ""

    @property
    def again(self) -> bool:
        """Whether the alert has to be handed in again for this channel's sake."""
        return self.outcome in {Outcome.BUSY, Outcome.FAILED}


class ChannelRules(msgspec.Struct, frozen=True):
    """A channel and when it rests."""

    channel: Channel
    quiet: Quiet | None = None


class Notifier:
    """Tells channels of alerts. Safe for many threads if the channels are."""

    def __init__(
        self,
        routes: Sequence[Route],
        channels: Mapping[str, ChannelRules],
        records: NoticeRecords,
        *,
        zone: tzinfo,
        zones: Mapping[str, tzinfo],
        backoff: Backoff,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """zone: a site's that is not in zones. clock: seconds since 1970. chance: from 0 to 1."""
        self._routes = list(routes)
        self._channels = dict(channels)
        self._records = records
        self._zone = zone
        self._zones = dict(zones)
        self._backoff = backoff
        self._clock = clock
        self._sleep = sleep
        self._chance = chance

    def notify(self, alert: AlertDocument) -> list[Told]:
        """Tells every channel for which the alert is news, as it is now. One that fails holds up no other."""
        return [self._tell(name, alert) for name in channels_for(alert, self._routes)]

    def _tell(self, name: str, alert: AlertDocument) -> Told:
        state = state_of(alert)
        keys = {notice_key(alert.alert_id, known, name): known for known in STATES}
        found = self._records.states(alert.site, keys)
        told = [keys[key] for key, done in found.items() if done]
        rules = self._channels[name]
        zone = self._zones.get(alert.site, self._zone)
        decided = verdict(alert, told, rules.quiet, zone, int(self._clock() * 1000))
        if len(told) < len(found) and state not in told:
            # Somebody is at it. What is news depends on whether they succeed, also whether anybody has to
            # hear that the alert was cleared.
            return Told(name, Outcome.BUSY)
        if decided == Verdict.KNOWN:
            return Told(name, Outcome.KNOWN)
        if decided == Verdict.QUIET:
            return Told(name, Outcome.QUIET)
        key = notice_key(alert.alert_id, state, name)
        if not self._records.claim(alert.site, key):
            return Told(name, Outcome.BUSY)
        return self._send(name, rules.channel, notice_for(alert, key))

    def _send(self, name: str, channel: Channel, notice: Notice) -> Told:
        site, failures = notice.alert.site, 0
        while True:
            try:
                channel.send(notice)
            except NotSentError as error:
                failures += 1
                wait_s = max(error.after_s, self._backoff.wait_s(failures, self._chance))
                # Whoever asks for a longer pause than we make is told in a later delivery.
                if error.again and failures < self._backoff.attempts and wait_s <= self._backoff.most_s:
                    self._sleep(wait_s)
                    continue
                self._records.release(site, notice.key)
                return Told(name, Outcome.FAILED if error.again else Outcome.REFUSED, str(error))
            except BaseException:
                self._records.release(site, notice.key)
                raise
            self._records.done(site, notice.key)
            return Told(name, Outcome.SENT)


def notice_key(alert_id: str, state: str, channel: str) -> str:
    """What stands for telling a channel of an alert in a state."""
    return f"{alert_id}.{state}.{channel}"


def notice_for(alert: AlertDocument, key: str) -> Notice:
    """The alert as people are told of it."""
    state = "CLEARED" if state_of(alert) == "cleared" else f"{alert.severity.upper()}, {alert.status}"
    title = f"{state}: {alert.type} at {alert.site} ({alert.subject.kind} {alert.subject.id})"
    lines = [alert.narrative] if alert.narrative else []
    if state_of(alert) != "cleared":
        lines += [f"- {action}" for action in alert.recommended_actions]
    lines.append(f"{alert.event_time}, alert {alert.alert_id}")
    return Notice(key, title, "\n".join(lines), alert)
