"""Those who are told: an HTTP server and an SMTP server that keep what they get."""

from __future__ import annotations

import io
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """statuses: one for each request to come, the last one stays. posts: path, headers, body."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: list[int] = [200]
        self.headers: dict[str, str] = {}
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.hang = threading.Event()
        self.hang.set()


class Mail:
    """mails: what came with DATA. rcpt: what is answered to RCPT."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.rcpt = "250 ok"
        self.mails: list[bytes] = []
        self.encrypted = False


@contextmanager
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            inbox.posts.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            inbox.hang.wait(20)
            try:
                self.send_response(inbox.statuses.pop(0) if len(inbox.statuses) > 1 else inbox.statuses[0])
                for name, value in inbox.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()
            except OSError:
                pass  # whoever asked has given up

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    inbox = Web(f"http://127.0.0.1:{server.server_address[1]}")
    with _serving(server):
        yield inbox


@contextmanager
def mail(context: ssl.SSLContext | None = None) -> Iterator[Mail]:
    """context: with which STARTTLS is offered; without one it is not known here."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            self.talk()

        def encrypt(self) -> None:
            assert context is not None
            self.wfile.write(b"220 go on\r\n")
            self.rfile.close()
            self.wfile.close()
            try:
                self.request = context.wrap_socket(self.request, server_side=True)
            except OSError:
                self.rfile, self.wfile = io.BytesIO(), io.BytesIO()  # the other side has hung up
                return
            self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
            inbox.encrypted = True
            self.talk()
            self.request.close()

        def talk(self) -> None:
            for line in self.rfile:
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    inbox.mails.append(b"".join(lines))
                    self.wfile.write(b"250 taken\r\n")
                elif verb == b"RCPT":
                    self.wfile.write(f"{inbox.rcpt}\r\n".encode())
                elif verb == b"EHLO" and context is not None:
                    self.wfile.write(b"250-here\r\n250 STARTTLS\r\n")
                elif verb == b"STAR" and context is not None:
                    self.encrypt()
                    return
                elif verb == b"STAR":
                    self.wfile.write(b"502 not here\r\n")
                elif verb == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    inbox = Mail(server.server_address[1])
    with _serving(server):
        yield inbox


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
