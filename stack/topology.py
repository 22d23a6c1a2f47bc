"""The Pub/Sub topics and subscriptions of the cloud shape, as data: for this stack, and for a deployment."""

from __future__ import annotations

from typing import Final

import msgspec

from guardian.detectors.parts import Part, topics_of
from guardian.events.topics import FRAUD_ALERTS, TOPICS

QUARANTINE: Final = "quarantine"
"""What could not be carried or read, with the original."""
TICKS: Final = "ticks"
"""A message a minute, so that deadlines pass where there is no processor time between requests."""

PUBSUB_TOPICS: Final = (*TOPICS, FRAUD_ALERTS, QUARANTINE, TICKS)

CORRELATOR: Final = Part.CORRELATOR.value
QR_VERIFICATION: Final = Part.QR_VERIFICATION.value
EVENT_CHECKS: Final = Part.EVENT_CHECKS.value
ALERT_NARRATOR: Final = "alert_narrator"
NOTIFIER: Final = "notifier"
BRIDGE: Final = "bridge"
HISTORY: Final = "history"
PEOPLE: Final = "people"

CONSUMED: Final[dict[str, tuple[str, ...]]] = {
    CORRELATOR: topics_of(Part.CORRELATOR),
    QR_VERIFICATION: (*topics_of(Part.QR_VERIFICATION), TICKS),
    EVENT_CHECKS: (*topics_of(Part.EVENT_CHECKS), TICKS),
    ALERT_NARRATOR: (FRAUD_ALERTS,),
    NOTIFIER: (FRAUD_ALERTS,),
}
"""Which topics are pushed to which part."""

_ACK_DEADLINE_S: Final = {
    CORRELATOR: 60,  # a request waits up to 50 s for its commit
    QR_VERIFICATION: 60,
    EVENT_CHECKS: 60,
    ALERT_NARRATOR: 60,
    NOTIFIER: 120,  # several channels, each tried more than once
}
_FIRST_RETRY_S: Final = {ALERT_NARRATOR: 10, NOTIFIER: 10}
"""Elsewhere 1 s: who is told to come again is told so because of others that are at it just now."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription.

    part: who consumes it. path: of the endpoint it is pushed to, behind the part's own address; None: it is
    pulled. ack_deadline_s: after which a message is delivered again. first_retry_s, longest_retry_s: wait
    before a message that was refused is delivered again, growing from the one to the other. given_up: after
    so many deliveries a message is put aside; those whose consumer does so itself are not.
    """

    name: str
    topic: str
    part: str
    path: str | None = None
    ack_deadline_s: int = 60
    first_retry_s: int = 1
    longest_retry_s: int = 60
    given_up: bool = True


def subscriptions(project: str) -> list[Subscription]:
    """All of them, those of parts that do not run included."""
    pushed = [
        Subscription(
            name=f"{topic}-{part.replace('_', '-')}",
            topic=topic,
            part=part,
            # What functions-framework takes for a Pub/Sub push, and the correlator as well.
            path=f"/projects/{project}/topics/{topic}",
            ack_deadline_s=_ACK_DEADLINE_S[part],
            first_retry_s=_FIRST_RETRY_S.get(part, 1),
            longest_retry_s=600 if part in _FIRST_RETRY_S else 60,
        )
        for part, topics in CONSUMED.items()
        for topic in topics
    ]
    return [
        *pushed,
        *(
            Subscription(name=f"{topic}-{HISTORY}", topic=topic, part=HISTORY)
            for topic in (*TOPICS, QUARANTINE)
        ),
        Subscription(name=f"{FRAUD_ALERTS}-kafka", topic=FRAUD_ALERTS, part=BRIDGE, given_up=False),
        Subscription(
            name=f"{QUARANTINE}-review", topic=QUARANTINE, part=PEOPLE, ack_deadline_s=600, given_up=False
        ),
    ]
