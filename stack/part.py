"""A process of the stack, as data; and how to see whether it is ready.

python -m stack.part URL                # status 0 if it is
"""

from __future__ import annotations

import http.client
import signal
import sys
import urllib.error
import urllib.request

import msgspec

ASK_S = 1.0
"""How long an answer to one question may take."""


_ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A process: what is run, and when it counts as ready.

    about: what it does, for people. environment: on top of the caller's, less what is meant for other
    deployments. after: names of those that must be ready first. health: a URL, see `healthy`; None where
    being there is enough. job: it ends by itself, and has done its work if its status is 0. by_hand: not
    started with the others. on_screen: writes to the terminal, not to a log. stop_s: how long it may take
    to stop before it is killed. start_s: how long until it must be ready.
    """

    name: str
    about: str
    command: tuple[str, ...]
    environment: dict[str, str] = {}
    after: tuple[str, ...] = ()
    port: int | None = None
    health: str | None = None
    job: bool = False
    by_hand: bool = False
    on_screen: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    stop_s: float = 15.0
    start_s: float = 120.0


def healthy(url: str) -> bool:
    """Whether what is at `url` is ready.

    http: it answers, and not with an error of its own (5xx); a function answers 405 to everything but a
    message. kafka: a broker says who leads.
    """
    if url.startswith("kafka://"):
        return _broker_answers(url.removeprefix("kafka://"))
    try:
        with _ask(url, timeout=ASK_S):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return error.code < 500
    except (OSError, http.client.HTTPException):
        return False


def _broker_answers(bootstrap: str) -> bool:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    # While nobody listens yet the client would tell so on standard error.
    try:
        return bool(
            AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=ASK_S).brokers
        )
    except KafkaException:
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy(sys.argv[1]) else 1)
