"""Where the stack's notifier tells of alerts: a webhook on loopback that prints what it is sent."""

from __future__ import annotations

import argparse
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from guardian.adapters.notify.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_genuine
from guardian.adapters.notify.webhook import LARGEST
from stack.ports import LOOPBACK

SECRET_VARIABLE = "GUARDIAN_INBOX_SECRET"  # noqa: S105 - a name


def main() -> None:
    """Serves until it is ended."""
    arguments = argparse.ArgumentParser(description="Prints the notices that are posted to it.")
    arguments.add_argument("port", type=int)
    arguments.add_argument("--host", default=LOOPBACK)
    given = arguments.parse_args()
    secret = os.environ[SECRET_VARIABLE].encode()

    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0

        def do_GET(self) -> None:
            self._answer(204)

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not (length.isascii() and length.isdigit() and int(length) <= LARGEST):
                self._answer(413)
                return
            body = self.rfile.read(int(length))
            stamp, signature = (self.headers.get(name, "") for name in (TIMESTAMP_HEADER, SIGNATURE_HEADER))
            if not is_genuine(secret, stamp, signature, body, now_s=time.time()):
                self._answer(401)
                return
            notice = json.loads(body)
            print(f"{notice['title']}\n  {notice['text']}", flush=True)
            self._answer(204)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """What is printed is notices."""

    server = ThreadingHTTPServer((given.host, given.port), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
