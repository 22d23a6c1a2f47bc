"""The journal of states against plain dictionaries."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guardian.adapters.google.state_journal import (
    Change,
    Entry,
    Held,
    JournalView,
    decode_entry,
    decode_snapshot,
    encode_entry,
    encode_pages,
    encode_rest,
    entry_size,
    in_pieces,
    size_of,
)
from guardian.engine.state import NEVER

Key = tuple[str, str]

TIMES = st.integers(0, 30)
HELD = st.builds(Held, st.binary(max_size=40), st.integers(1, 9), TIMES | st.just(NEVER), st.integers(0, 40))
KEYS = st.tuples(st.sampled_from("de"), st.sampled_from([*"abcdef", "ß\x00"]))
COMMITS = st.lists(
    st.tuples(
        st.dictionaries(KEYS, HELD | st.none(), max_size=8),
        st.dictionaries(st.sampled_from("mn"), st.integers(1, 5), max_size=2),
        st.sampled_from(["w1", "w2"]),
        st.binary(max_size=2),
        st.integers(30, 200),  # bytes of a piece
        st.booleans(),  # whether its last piece is ever written
    ),
    max_size=12,
)


def written(
    commits: list[tuple[dict[Key, Held | None], dict[str, int], str, bytes, int, bool]],
) -> list[Entry]:
    """The entries of these commits, one after the other; of some the last piece is missing."""
    entries: list[Entry] = []
    for number, (changes, counters, worker, watermark, most, whole) in enumerate(commits):
        pieces = in_pieces((Change(*key, held) for key, held in changes.items()), most)
        first = len(entries) + 1
        for place, piece in enumerate(pieces[: None if whole else -1]):
            entries.append(
                Entry(
                    first + place,
                    first,
                    place == len(pieces) - 1,
                    f"c{number}",
                    worker,
                    piece,
                    counters if place == 0 else {},
                    {},
                    watermark if place == 0 else b"",
                )
            )
    return entries


def same(one: JournalView, other: JournalView) -> None:
    assert one.counters == other.counters
    assert one.places == other.places
    for until in (0, 7, 30, NEVER):
        assert one.due(until) == other.due(until)
        assert one.expired(until) == other.expired(until)
    for detector in "de":
        assert one.count(detector) == other.count(detector)
        keys = set(one.idlest(detector, 100))
        assert keys == set(other.idlest(detector, 100))
        assert all(one.get(*key) == other.get(*key) for key in keys)


@given(COMMITS, st.data())
def test_a_view_is_what_the_whole_commits_add_up_to(commits: list, data: st.DataObject) -> None:
    view = JournalView()
    entries = written(commits)
    cut = data.draw(st.integers(0, len(entries)))
    for entry in entries[:cut]:
        view.read(decode_entry(encode_entry(entry)))
        if data.draw(st.booleans()):
            view.due(data.draw(TIMES))  # asking changes nothing
            view.expired(data.draw(TIMES))
    done = {entry.name for entry in entries[:cut] if entry.last}

    states: dict[Key, Held] = {}
    counters: dict[str, int] = {}
    for number, (changes, counted, *_) in enumerate(commits):
        if f"c{number}" not in done:
            continue
        for key, held in changes.items():
            states.pop(key, None)
            if held is not None:
                states[key] = held
        for name, count in counted.items():
            counters[name] = counters.get(name, 0) + count
    assert view.counters == counters
    for until in (*range(0, 32, 3), NEVER):
        due = [(held.wake, key) for key, held in states.items() if held.wake <= until and held.wake < NEVER]
        assert view.due(until) == [key for _, key in sorted(due)]
        over = [(h.expires, key) for key, h in states.items() if h.expires < until and h.wake >= NEVER]
        assert view.expired(until) == [key for _, key in sorted(over)]
    for detector in "de":
        mine = {key: held for key, held in states.items() if key[0] == detector}
        assert view.count(detector) == len(mine)
        idlest = view.idlest(detector, 3)
        assert len(idlest) == min(3, len(mine))
        rest = [held.expires for key, held in mine.items() if key not in idlest]
        assert all(mine[key].expires <= min(rest, default=NEVER) for key in idlest)
    every = [(*key, version) for key in [*states, ("d", "zz")] for version in (0, 1, 2)]
    assert view.stale(every) == [
        (d, k) for d, k, v in every if v != (states[d, k].version if (d, k) in states else 0)
    ]

    snapshot = view.snapshot(0)
    pages = list(encode_pages(snapshot.states, 150))
    loaded = JournalView(decode_snapshot(snapshot.number, pages, encode_rest(snapshot.rest)))
    same(loaded, view)
    for entry in entries[snapshot.number :]:
        loaded.read(entry)
    for entry in entries[cut:]:
        view.read(entry)
    same(loaded, view)


def test_entries_come_one_after_the_other() -> None:
    view = JournalView()
    for wrong in (0, 2, 5):
        with pytest.raises(ValueError, match="does not follow 0"):
            view.read(Entry(wrong, wrong, True, "c", "w", [], {}, {}, b""))


def test_workers_that_wrote_long_ago_are_left_out_of_a_snapshot_unless_they_have_positions() -> None:
    view = JournalView()
    for number, (worker, positions) in enumerate(
        [("old", {}), ("stands", {"f": b"1"}), ("new", {})], start=1
    ):
        view.read(Entry(number, number, True, f"c{number}", worker, [], {}, positions, b"w"))
    assert set(view.snapshot(2).rest.places) == {"stands", "new"}


@given(st.lists(st.builds(Change, st.text(max_size=5), st.text(max_size=9), HELD), max_size=20))
def test_sizes_are_never_too_small(changes: list[Change]) -> None:
    for change in changes:
        assert len(encode_entry(Entry(1, 1, True, "", "", [change], {}, {}, b""))) - 12 <= size_of(change)
    entry = Entry(1, 1, True, "name", "worker", changes, {}, {"f": b"12"}, b"w")
    assert len(encode_entry(entry)) <= entry_size(entry)
    for piece in in_pieces(changes, 200):
        assert len(piece) <= 1 or sum(map(size_of, piece)) <= 200
    assert [change for piece in in_pieces(changes, 200) for change in piece] == changes
