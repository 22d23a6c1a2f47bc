"""Services that live no longer than whoever has started them."""

from __future__ import annotations

import os
import signal
import threading


def stop_with_input(grace_s: float, descriptor: int = 0) -> None:
    """Ends this process, with SIGTERM, when its standard input does.

    Whoever started it holds the other end of that pipe. The system closes it with that process, also when
    it was killed and could tell nobody: unlike an id of a parent that is looked at now and again, this is
    noticed at once, and on every system. What is written to it is not read for anything. grace_s: for
    ending in an orderly way, before it is done the hard way.
    """
    threading.Thread(target=_wait, args=(grace_s, descriptor), name="stop-with-input", daemon=True).start()


def _wait(grace_s: float, descriptor: int) -> None:
    while True:
        try:
            if not os.read(descriptor, 4_096):
                break
        except OSError:
            break
    os.kill(os.getpid(), signal.SIGTERM)
    late = threading.Timer(grace_s, os.kill, (os.getpid(), signal.SIGKILL))
    late.daemon = True
    late.start()
