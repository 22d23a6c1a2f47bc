"""Pulling from a Pub/Sub subscription: unary, so that what is ours at a time is what we have asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from guardian.adapters.google.pubsub_channel import pubsub_channel
from guardian.adapters.publishing import UnavailableError
from guardian.adapters.pulling import Pulled

WAIT_S: Final = 4.0
"""How long messages are waited for. Whoever is told to stop meanwhile stops after that."""
REQUEST_TIMEOUT_S: Final = 10.0

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)


class PubSubPuller:
    """Pulls from one subscription. See `Puller`; may be used by many threads at once."""

    def __init__(
        self,
        project: str,
        subscription: str,
        *,
        emulator_host: str | None = None,
        wait_s: float = WAIT_S,
        most_bytes: int = -1,
    ) -> None:
        """emulator_host, most_bytes: see `pubsub_channel`. wait_s: how long `pull` waits when there is
        nothing."""
        self._subscription = f"projects/{project}/subscriptions/{subscription}"
        self._wait_s = wait_s
        channel = pubsub_channel(SubscriberGrpcTransport, emulator_host, most_bytes)
        self._client = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))

    def pull(self, most: int) -> list[Pulled]:
        """See `Puller`."""
        with _told():
            try:
                # Nothing is tried again in here: whoever pulls does, and can be told to stop.
                answer = self._client.pull(
                    subscription=self._subscription, max_messages=most, retry=None, timeout=self._wait_s
                )
            except exceptions.DeadlineExceeded:
                return []
        return [
            Pulled(
                each.ack_id,
                each.message.message_id,
                each.message.data,
                dict(each.message.attributes),
                _micros(each.message.publish_time),
            )
            for each in answer.received_messages
        ]

    def extend(self, handles: Sequence[str], seconds: int) -> None:
        """See `Puller`."""
        with _told():
            self._client.modify_ack_deadline(
                subscription=self._subscription,
                ack_ids=list(handles),
                ack_deadline_seconds=seconds,
                retry=None,
                timeout=REQUEST_TIMEOUT_S,
            )

    def acknowledge(self, handles: Sequence[str]) -> None:
        """See `Puller`."""
        with _told():
            self._client.acknowledge(
                subscription=self._subscription,
                ack_ids=list(handles),
                retry=None,
                timeout=REQUEST_TIMEOUT_S,
            )

    def close(self) -> None:
        """Ends the connection; requests under way fail."""
        self._client.transport.close()  # type: ignore[no-untyped-call]


def _micros(at: datetime | None) -> int:
    return 0 if at is None else (at - _EPOCH) // _US


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (exceptions.GoogleAPICallError, exceptions.RetryError, GoogleAuthError) as error:
        raise UnavailableError(f"{type(error).__name__}: {error}") from error
