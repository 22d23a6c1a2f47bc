"""The bridge's health tells when the thread that carries alerts back has died."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

import pytest

from cloud_run.bridge import main
from guardian.adapters.kafka.settings import KafkaSettings
from guardian.adapters.pulling import Pulled

PATIENCE_S = 60.0


class Nowhere:
    def publish(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        raise AssertionError("nothing is published here")


class Puller:
    """Gives nothing, and breaks when it is told to."""

    breaks = threading.Event()

    def __init__(self, project: str, subscription: str) -> None:
        self.closed = False

    def pull(self, most: int) -> list[Pulled]:
        if self.breaks.wait(0.01):
            raise TypeError("a defect")
        return []

    def close(self) -> None:
        self.closed = True


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_has_died_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "PubSubPuller", Puller)
    stop = threading.Event()
    thread = main.AlertsThread("alerts-kafka", "project", KafkaSettings("127.0.0.1:1"), Nowhere(), stop)
    try:
        sound, counts = thread.health()
        assert sound
        assert counts["alive"] is True
        Puller.breaks.set()
        deadline = time.monotonic() + PATIENCE_S
        while thread.health()[0]:
            assert time.monotonic() < deadline
            time.sleep(0.005)  # only paces the question
        assert thread.health()[1]["alive"] is False
    finally:
        thread.close()
