"""The dashboard's built files on their way out: what browsers may keep of them, and compressed."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
from flask import Response, request
from werkzeug.security import safe_join

from cloud_run.api.problems import not_found

HASHED: Final = "assets/"
"""Files in here have a digest of their content in their name: what a name stands for never changes."""
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_FIRST: Final = "no-cache"
_INDEX: Final = "index.html"
_COMPRESSED: Final = frozenset(
    {".css", ".html", ".js", ".json", ".map", ".mjs", ".svg", ".txt", ".webmanifest"}
)
_LEAST: Final = 1_000
"""Bytes of the smallest file that is worth compressing."""
_KEPT: Final = 200
"""Files that are remembered. Only a folder that is built again and again while it is served has more."""


class _Content(msgspec.Struct, frozen=True):
    raw: bytes
    packed: bytes | None
    digest: str


class PageFiles:
    """The files of one folder, each read and compressed once. For many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._lock = Lock()
        self._known: dict[tuple[str, int, int], _Content] = {}

    def answer(self, path: str) -> Response:
        """The file, or nothing new, if the browser has it.

        A place inside the dashboard is no file: its own router finds it. But a script of a version that is
        no longer here is not there. Raises a Problem.
        """
        name = path if self._is_file(path) else _INDEX
        if name != path and path.startswith(HASHED):
            raise not_found("page")
        content = self._content(name)
        packed = content.packed if _takes_gzip() else None
        response = Response(content.raw if packed is None else packed)
        response.content_type = _content_type(name)
        response.set_etag(content.digest if packed is None else f"{content.digest}-gzip")
        response.headers["Cache-Control"] = FOR_EVER if name.startswith(HASHED) else ASK_FIRST
        if content.packed is not None:
            response.vary.add("Accept-Encoding")
        if packed is not None:
            response.content_encoding = "gzip"
        response.make_conditional(request)
        return response

    def _is_file(self, path: str) -> bool:
        place = safe_join(str(self._folder), path)
        return place is not None and Path(place).is_file()

    def _content(self, name: str) -> _Content:
        path = self._folder / name
        try:
            about = path.stat()
            key = name, about.st_mtime_ns, about.st_size
            with self._lock:
                if (known := self._known.get(key)) is None:
                    if len(self._known) >= _KEPT:
                        self._known.clear()
                    known = self._known[key] = _read(path)
        except OSError:
            raise not_found("page") from None  # while it is being built anew
        return known


def _read(path: Path) -> _Content:
    raw = path.read_bytes()
    packed = None
    if path.suffix in _COMPRESSED and len(raw) >= _LEAST:
        packed = gzip.compress(raw, 9, mtime=0)
    return _Content(raw, packed, hashlib.blake2b(raw, digest_size=12).hexdigest())


def _content_type(name: str) -> str:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _takes_gzip() -> bool:
    given = {name.lower(): quality for name, quality in request.accept_encodings}
    return given.get("gzip", given.get("*", 0)) > 0
