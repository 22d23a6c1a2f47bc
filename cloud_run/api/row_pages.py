"""Pages of the machine's rows, over one site or several, whatever they are filtered by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from cloud_run.api.problems import bad_value
from guardian.adapters.cursors import read_cursor, write_cursor
from guardian.desk_ports import CursorError, Rows
from guardian.engine.plan import HistoryRow

MOST_SCANNED: Final = 5_000
"""Rows looked at for one page. A page may be short, or empty, and still not be the last."""
_AT_ONCE: Final = 500

Found = tuple[str, HistoryRow]
"""A row, and its site."""


def sites_of(rows: Rows, scope: tuple[str, ...] | None) -> list[str]:
    """The sites that there are, of those the user may see; None: all."""
    known = rows.sites()
    return known if scope is None else sorted(site for site in set(scope) if site in known)


def page(
    rows: Rows,
    sites: list[str],
    kind: str,
    *,
    keep: Callable[[Any], bool],
    prefix: str = "",
    limit: int,
    cursor: str,
) -> tuple[list[Found], str]:
    """At most `limit` rows for which `keep` holds, by site and id, and the cursor of the next page or
    nothing.

    Raises a Problem for a cursor that is none.
    """
    try:
        begin = read_cursor(cursor, kind, (str, str)) or ("", "")
    except CursorError as error:
        raise bad_value("cursor", str(error)) from None
    found: list[Found] = []
    scanned = 0
    for site in sites:
        if site < begin[0]:
            continue
        after = begin[1] if site == begin[0] else ""
        at_once = min(limit, _AT_ONCE)
        while True:
            some = rows.page(site, kind, prefix=prefix, after=after, limit=at_once)
            for row in some:
                after = row.id
                scanned += 1
                if keep(row.row):
                    found.append((site, row))
                if len(found) == limit or scanned == MOST_SCANNED:
                    return found, write_cursor(kind, (site, after))
            if len(some) < at_once:
                break
            at_once = min(2 * at_once, _AT_ONCE)  # few of them are wanted
    return found, ""


def every(rows: Rows, sites: list[str], kind: str, *, prefix: str = "", most: int) -> Iterator[Found]:
    """Rows by site and id, `most` of them at most."""
    left = most
    for site in sites:
        after = ""
        while left > 0:
            some = rows.page(site, kind, prefix=prefix, after=after, limit=min(_AT_ONCE, left))
            for row in some:
                yield site, row
            left -= len(some)
            if len(some) < _AT_ONCE:
                break
            after = some[-1].id
