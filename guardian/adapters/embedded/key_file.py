"""The key ring in a local file that only its owner can read."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from guardian.ports import KeyStoreError
from guardian.qr.keys import KeyRing, KeyRingError

MODE: Final = 0o600
_OTHERS: Final = 0o077
_MAX_BYTES: Final = 1 << 20


class KeyFile:
    """A `KeyStore` in the file `path`.

    It saves only over what it has loaded itself (nothing, before the first `load`), so that two people who
    change the ring at the same time cannot lose a key: the second is told, and starts over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded: bytes | None = None

    def load(self) -> KeyRing:
        """Raises KeyStoreError if there is no such file, others may read it, or it holds no ring."""
        stored = self._read()
        if stored is None:
            raise KeyStoreError(f"{self._path}: there is no such key file")
        try:
            ring = KeyRing.from_json(stored)
        except KeyRingError as error:
            raise KeyStoreError(f"{self._path}: {error}") from None
        self._loaded = stored
        return ring

    def save(self, ring: KeyRing) -> None:
        """Replaces the file as a whole, and returns once that is on the disk. Raises KeyStoreError."""
        content = ring.to_json().encode()
        with self._locked() as folder:
            if self._read() != self._loaded:
                if self._loaded is None:
                    raise KeyStoreError(f"{self._path}: exists already")
                raise KeyStoreError(f"{self._path}: was changed meanwhile; try again")
            try:
                self._replace(content)
                os.fsync(folder)
            except OSError as error:
                raise KeyStoreError(f"{self._path}: {error.strerror}") from None
        self._loaded = content

    def _read(self) -> bytes | None:
        """What is stored; None if nothing is."""
        try:
            with open(self._path, "rb", opener=_without_waiting) as file:
                # Asked of the open file: what the name stands for may change in between.
                self._check(os.fstat(file.fileno()))
                content = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeyStoreError(f"{self._path}: {error.strerror}") from None
        if len(content) > _MAX_BYTES:
            raise KeyStoreError(f"{self._path}: too large for a key file")
        return content

    def _check(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise KeyStoreError(f"{self._path}: not a file")
        if status.st_mode & _OTHERS:
            raise KeyStoreError(
                f"{self._path}: others can read it or change it; make it yours alone (chmod 600), and "
                "consider its keys known"
            )
        if status.st_uid not in {os.geteuid(), 0}:
            raise KeyStoreError(f"{self._path}: belongs to somebody else")

    def _replace(self, content: bytes) -> None:
        # Made with mode 0600 from the start: there is no moment in which others could open it.
        descriptor, partial = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, MODE)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            Path(partial).replace(self._path)
        except BaseException:
            with suppress(OSError):
                Path(partial).unlink()
            raise

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Holds the folder: what is read and replaced in here, nobody else replaces in between."""
        try:
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise KeyStoreError(f"{self._path.parent}: {error.strerror}") from None
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(folder)


def _without_waiting(path: str, flags: int) -> int:
    """Opens a file; a pipe in its place does not hang."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
