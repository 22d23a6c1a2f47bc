"""A real Kafka broker for tests, one for the whole session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from stack import maven
from stack.kafka.broker import Broker, running


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker on a free loopback port. Tests share it, so each makes topics of its own.

    Skips where it cannot run; with CI set it must.
    """
    if (lack := maven.missing()) is not None:
        if os.environ.get("CI"):
            pytest.fail(f"no Kafka broker: {lack}")
        pytest.skip(f"no Kafka broker: {lack}")
    with running(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker
