"""Which offsets may be committed, although acknowledgements come in any order."""

from __future__ import annotations

import heapq
from collections import Counter


class Progress:
    """One partition, for as long as it is assigned: what was taken, and what of it is done.

    After the partition is gone (`lost`), nothing that is still under way for it counts any more.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.lost = False
        self.committed: int | None = None
        """The offset last committed, if any was in this assignment."""
        self._open: list[int] = []
        self._done: Counter[int] = Counter()
        self._next: int | None = None

    def take(self, offset: int) -> bool:
        """A record was read. False: it, or a later one, had been read before."""
        heapq.heappush(self._open, offset)
        news = self._next is None or offset >= self._next
        if news:
            self._next = offset + 1
        return news

    def done(self, offset: int) -> None:
        """A record that was taken is where it belongs. Once for each time it was taken."""
        self._done[offset] += 1
        while self._open and (first := self._open[0]) in self._done:
            heapq.heappop(self._open)
            self._done[first] -= 1
            if not self._done[first]:
                del self._done[first]

    @property
    def committable(self) -> int | None:
        """The offset to go on at after a crash: everything before it is done. None: nothing was taken."""
        return self._open[0] if self._open else self._next
