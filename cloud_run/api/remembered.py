"""Answers that take a while to work out, remembered for a moment."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, Generic, TypeVar

MOST: Final = 200
"""Answers remembered at a time."""

T = TypeVar("T")


class Remembered(Generic[T]):
    """Works an answer out at most once in so many seconds for each question. For many threads."""

    def __init__(self, seconds: float, work_out: Callable[..., T]) -> None:
        self._seconds = seconds
        self._work_out = work_out
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def ask(self, *question: Any) -> T:
        """The answer, as old as allowed at most. Whoever asks meanwhile waits."""
        with self._lock:
            known = self._answers.get(question)
            if known is not None and time.monotonic() - known[0] < self._seconds:
                return known[1]
            answer = self._work_out(*question)
            self._answers[question] = time.monotonic(), answer
            self._answers.move_to_end(question)
            while len(self._answers) > MOST:
                self._answers.popitem(last=False)
            return answer
