"""Cloud Scheduler's stand-in: a message on the topic `ticks` now and then, so that deadlines pass."""

from __future__ import annotations

import argparse
import os
import signal
import threading

from guardian.adapters.google.pubsub_publisher import PubSubPublisher
from guardian.adapters.publishing import UnavailableError
from stack.topology import TICKS


def main() -> None:
    """Publishes until it is told to stop."""
    arguments = argparse.ArgumentParser(description="Publishes to `ticks` every so many seconds.")
    arguments.add_argument("every_s", type=float)
    every_s = arguments.parse_args().every_s
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    publisher = PubSubPublisher(os.environ["GOOGLE_CLOUD_PROJECT"])
    while not stop.wait(every_s):
        try:
            publisher.publish(TICKS, [(b"{}", {"content-type": "application/json"})])
        except UnavailableError as error:
            print(f"not published: {error}", flush=True)  # the next one makes up for it
    publisher.close()


if __name__ == "__main__":
    main()
