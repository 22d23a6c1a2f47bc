"""One HTTP POST with everything bounded: time, size of the answer, and where it may go."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from guardian.ports import NotSentError

ANSWER_READ: Final = 1024
"""Bytes of the answer that are read; nothing in it is used."""
LONGEST_WAIT_S: Final = 60.0
"""Seconds of a Retry-After that are believed."""


class UrlError(ValueError):
    """Not a URL that is posted to. Does not show it: webhook URLs are secrets."""


class Target:
    """A URL to post to. http or https, without user and password in it; redirects are not followed."""

    def __init__(self, url: str) -> None:
        """Raises UrlError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UrlError("not a URL") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UrlError("expected an http or https URL")
        if parts.username is not None or parts.password is not None:
            raise UrlError("user and password do not belong into the URL")
        if not url.isascii() or any(sign <= " " for sign in url):
            raise UrlError("blanks and control characters do not belong into the URL")
        self._host = parts.hostname
        self._port = port
        self._secure = parts.scheme == "https"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def __repr__(self) -> str:
        return "Target(***)"

    def post(self, body: bytes, headers: Mapping[str, str], timeout_s: float) -> None:
        """Posts once; 2xx is success. timeout_s: for all of it together. Raises NotSentError."""
        connection = (
            http.client.HTTPSConnection(
                self._host, self._port, timeout=timeout_s, context=ssl.create_default_context()
            )
            if self._secure
            else http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        )
        # The socket's own limit starts anew with every byte that trickles in; this one does not.
        over = threading.Event()
        watch = threading.Timer(timeout_s, _cut, (connection, over))
        watch.daemon = True
        watch.start()
        try:
            connection.request("POST", self._path, body, dict(headers))
            answer = connection.getresponse()
            answer.read(ANSWER_READ)
            if over.is_set():
                # What was cut off can look like a whole answer.
                raise NotSentError("timeout", again=True)
            status, wait = answer.status, answer.getheader("Retry-After", "")
        except ssl.SSLCertVerificationError:
            raise NotSentError("certificate", again=False) from None
        except TimeoutError:
            raise NotSentError("timeout", again=True) from None
        except (OSError, http.client.HTTPException) as error:
            raise NotSentError(f"connection: {type(error).__name__}", again=True) from None
        finally:
            watch.cancel()
            connection.close()
        if 200 <= status < 300:
            return
        again = status in {408, 425, 429} or status >= 500
        raise NotSentError(f"status {status}", again=again, after_s=_seconds(wait))


def _cut(connection: http.client.HTTPConnection, over: threading.Event) -> None:
    over.set()
    # None before the connection stands and after it was closed, whatever the types say.
    sock: socket.socket | None = connection.sock
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended by itself


def _seconds(text: str) -> float:
    return min(float(text), LONGEST_WAIT_S) if text.isascii() and text.isdigit() else 0.0
