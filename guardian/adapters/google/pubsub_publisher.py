"""Publishing to Pub/Sub: one request a call, and errors told apart by what helps against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from guardian.adapters.google.pubsub_channel import pubsub_channel
from guardian.adapters.publishing import RefusedError, UnavailableError

REQUEST_TIMEOUT_S: Final = 20.0

_REFUSED = (exceptions.InvalidArgument, exceptions.OutOfRange)


class PubSubPublisher:
    """Publishes to the topics of one project. May be used by many threads at once."""

    def __init__(
        self,
        project: str,
        *,
        prefix: str = "",
        emulator_host: str | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        """prefix: stands before every topic's name. emulator_host: see `pubsub_channel`."""
        self._project = project
        self._prefix = prefix
        self._timeout_s = timeout_s
        channel = pubsub_channel(PublisherGrpcTransport, emulator_host)
        self._client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))

    def publish(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        """See `Publisher`. At most 1,000 messages and 10,000,000 bytes."""
        try:
            self._client.publish(
                topic=f"projects/{self._project}/topics/{self._prefix}{topic}",
                messages=[PubsubMessage(data=data, attributes=dict(names)) for data, names in messages],
                retry=None,  # whoever publishes tries again, and can be told to stop
                timeout=self._timeout_s,
            )
        except _REFUSED as error:
            raise RefusedError(str(error)) from error
        except (exceptions.GoogleAPICallError, exceptions.RetryError, GoogleAuthError) as error:
            raise UnavailableError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Ends the connection; requests under way fail."""
        self._client.transport.close()  # type: ignore[no-untyped-call]
