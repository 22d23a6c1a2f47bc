"""Asks a deployed API what only a sound and closed one answers. Needs Python alone.

python -m infra.smoke URL
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

TRIES: Final = 24
WAIT_S: Final = 5.0
"""Between two tries. A new address may take a while until it is known everywhere."""
_TIMEOUT_S: Final = 20.0
_MOST: Final = 1_000_000


class SmokeError(Exception):
    """An answer is not what it should be; says which."""


def smoke(url: str, tries: int = TRIES) -> None:
    """Raises SmokeError. Paths that end with z are not asked for: Cloud Run keeps these to itself."""
    for left in reversed(range(tries)):
        try:
            _once(url.rstrip("/"))
            return
        except SmokeError:
            if not left:
                raise
            time.sleep(WAIT_S)


def _once(url: str) -> None:
    status, headers, body = _get(f"{url}/openapi.json")
    if status != 200 or "/api/v1/alerts" not in _json(body).get("paths", {}):
        raise SmokeError(f"/openapi.json: expected the API's description, got {status}")
    status, headers, body = _get(f"{url}/api/v1/alerts")
    if status != 401 or not headers.get("content-type", "").startswith("application/problem+json"):
        raise SmokeError(f"/api/v1/alerts: expected 401 for somebody unknown, got {status}")
    status, headers, body = _get(f"{url}/")
    if status != 200 or "<html" not in body.lower():
        raise SmokeError(f"/: expected the dashboard, got {status}")
    if "content-security-policy" not in headers:
        raise SmokeError("/: no content-security-policy")


def _get(url: str) -> tuple[int, Mapping[str, str], str]:
    """Status, headers with small names, and the beginning of the body."""
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise SmokeError(f"{url}: expected https://…")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - checked above
            given, status, body = answer.headers, answer.status, answer.read(_MOST)
    except urllib.error.HTTPError as error:
        given, status, body = error.headers, error.code, error.read(_MOST)
    except OSError as error:
        raise SmokeError(f"{url}: {error}") from error
    return status, {name.lower(): value for name, value in given.items()}, body.decode("utf-8", "replace")


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    try:
        smoke(sys.argv[1])
    except SmokeError as problem:
        sys.exit(str(problem))
