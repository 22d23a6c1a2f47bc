"""Ends what a runner leaves behind when it is killed itself.

It reads process groups from standard input, "+GROUP" when one is begun and "-GROUP" when it has gone. The
input ends when the runner does; whatever is left then is killed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable


def main(lines: Iterable[str]) -> None:
    """Reads until there is no more, and kills the rest."""
    groups: dict[int, None] = {}
    for line in lines:
        if line.startswith("+"):
            groups[int(line[1:])] = None
        else:
            groups.pop(int(line[1:]), None)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # its input says when
    main(sys.stdin)
