"""The dashboard of `guardian demo`: the API with the built pages in a process of its own, for one visitor."""

from __future__ import annotations

import http.client
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Final

import guardian
from guardian.desk_ports import ALL_SITES, NotFoundError, Role
from guardian.runtime.dashboard_pages import dashboard_pages
from guardian.runtime.settings import SettingsError

if TYPE_CHECKING:
    from guardian.adapters.embedded.desk_file import DeskFile
    from guardian.desk_ports import User

PORT: Final = 8080
USER: Final = "demo"
PATIENCE_S: Final = 90.0
"""For the server to answer; where everything is warm it takes two seconds."""
STOP_S: Final = 3
ATTEMPTS: Final = 3
"""Ports that are tried: somebody else may take one in the moment between finding it free and using it."""

_HOST: Final = "127.0.0.1"
_LIBRARIES: Final = (
    "argon2",
    "cloud_run.api",
    "flask",
    "flask_openapi3",
    "flask_sock",
    "gunicorn",
    "joserfc",
    "prometheus_client",
    "pydantic",
)
_BY: Final = "demo"


class NoDashboardError(Exception):
    """There is no dashboard to show; says why, and what to do, in one line."""


def pages_to_serve(environment: Mapping[str, str]) -> Path:
    """The folder of the built pages. Raises NoDashboardError where they, or what serves them, are missing."""
    missing = [name for name in _LIBRARIES if not _there(name)]
    if missing:
        raise NoDashboardError(f"it needs the extra `api`: there is no {missing[0]}")
    try:
        pages = dashboard_pages(environment)
    except SettingsError as error:
        raise NoDashboardError(str(error)) from None
    if pages is None:
        raise NoDashboardError("its pages are not built: `make dashboard` does that (Node 20.19 or newer)")
    return pages


class DemoDashboard:
    """One server on loopback over the engine's file, and a user for whoever watches.

    The visitor may try everything, so the user is an administrator, with a password made up for this run.
    The link in `login_link` spares typing it. It is safe as far as a demonstration needs: it is random, good
    once and for a minute, and behind a # in the address, so that no server and no log but the browser's own
    sees it. On a machine with several users, another one could read it off the browser's command line and
    be faster: the link then does not work for the visitor, and what was seen is a simulated day.
    """

    def __init__(self, folder: Path, db: Path, pages: Path, site: str, catalogue: str, key_ring: str) -> None:
        """folder: private, for its settings and its log. db: the engine's file. site: its name.

        catalogue: the products, as CSV. key_ring: the private keys that product codes are signed with.
        """
        from guardian.adapters.embedded.desk_file import DeskFile
        from guardian.adapters.embedded.key_file import KeyFile
        from guardian.qr.keys import KeyRing

        (folder / "site.toml").write_text(f'site = "{site}"\n', encoding="utf-8")
        (folder / "products_list.csv").write_text(catalogue, encoding="utf-8")
        KeyFile(folder / "qr_keys.json").save(KeyRing.from_json(key_ring))
        self._environment = {
            "GUARDIAN_STORE": f"sqlite:{db.absolute()}",
            "GUARDIAN_SETTINGS": str(folder / "site.toml"),
            "GUARDIAN_CATALOG": str(folder / "products_list.csv"),
            "GUARDIAN_QR_KEY": str(folder / "qr_keys.json"),
            "GUARDIAN_DASHBOARD": str(pages.absolute()),
            "GUARDIAN_HOST": _HOST,
            "GUARDIAN_STOP_S": str(STOP_S),
            "GUARDIAN_STOP_WITH_INPUT": "1",
        }
        self._log = folder / "api.log"
        self._desk: DeskFile = DeskFile(db)
        self.password = secrets.token_urlsafe(9)
        self._user = _visitor(self._desk, self.password)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self, port: int, stop: Flag) -> None:
        """Returns when it answers, or `stop` is set. Raises NoDashboardError.

        port: where, or if that is taken, elsewhere.
        """
        for attempt in range(ATTEMPTS):
            port = _free_port(port if attempt == 0 else 0)
            self.url = f"http://{_HOST}:{port}/"
            if self._answers(port, stop):
                return
        lines = self._log.read_text("utf-8", "replace").splitlines()
        raise NoDashboardError(f"its server has ended: {lines[-1] if lines else 'it says nothing'}")

    def login_link(self) -> str:
        """An address that logs the visitor in, once and within a minute."""
        from guardian.adapters.embedded.users import Users

        return f"{self.url}#login={Users(self._desk).link(self._user, _now())}"

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Ends the process, and everything it has started."""
        if self._process is not None:
            self._end(self._process)
        self._desk.close()

    def _answers(self, port: int, stop: Flag) -> bool:
        """Starts a process and waits for its first answer. False: it has ended."""
        with self._log.open("ab") as log:
            # The pipe is the leash: it ends with this process, however that ends, and the server with it.
            # A session of its own: Ctrl-C is for this process, which then ends the server.
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "cloud_run.api.main"],
                cwd=Path(guardian.__file__).parents[1],
                env={**_foreign(os.environ), **self._environment, "PORT": str(port)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_S
        while not stop.is_set() and not _healthy(port):
            if process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                self._end(process)
                return False
            time.sleep(0.05)  # paces the question
        return process.poll() is None or stop.is_set()

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(STOP_S + 5)
        except subprocess.TimeoutExpired:
            pass
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _visitor(desk: DeskFile, password: str) -> User:
    """The demo's user, with this password, also in a file of an earlier demo."""
    from guardian.adapters.embedded.users import Users

    users = Users(desk)
    try:
        known = users.named(USER).user
    except NotFoundError:
        return users.add(USER, password, Role.ADMIN, (ALL_SITES,), by=_BY, at=_now()).user
    return users.change(
        known.id,
        by=_BY,
        at=_now(),
        role=Role.ADMIN,
        sites=(ALL_SITES,),
        disabled=False,
        password=password,
    ).user


def _free_port(wanted: int) -> int:
    """This port of the loopback address, or any other if it is taken. 0: any."""
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            free.bind((_HOST, wanted))
        except OSError:
            free.bind((_HOST, 0))
        port: int = free.getsockname()[1]
    return port


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(_HOST, port, timeout=2.0)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 204
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """Without settings of ours: those of somebody's real server are not for a demonstration."""
    return {name: value for name, value in environment.items() if not name.startswith("GUARDIAN_")}


def _now() -> int:
    return int(time.time() * 1000)
