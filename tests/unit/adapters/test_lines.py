"""Cutting bytes into lines: the same lines, however the bytes arrive."""

from __future__ import annotations

import hashlib
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from guardian.adapters.embedded import lines as lines_module
from guardian.adapters.embedded.lines import KEPT_BYTES, MAX_LINE_BYTES, LineSplitter, LongLine

Line = tuple[bytes, LongLine | None]


def split(data: bytes, cuts: list[int]) -> list[Line]:
    splitter = LineSplitter()
    out: list[Line] = []

    def add(lines: tuple[list[bytes], dict[int, LongLine]]) -> None:
        out.extend((line, lines[1].get(index)) for index, line in enumerate(lines[0]))

    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        if end > start:
            add(splitter.feed(data[start:end]))
    add(splitter.end())
    return out


def expected(data: bytes, longest: int, kept: int) -> list[Line]:
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [
        (line, None)
        if len(line) <= longest
        else (line[:kept], LongLine(len(line), hashlib.sha256(line).hexdigest()))
        for line in lines
    ]


@given(
    data=st.lists(st.sampled_from([b"\n", b"a", b"bcdef", b"\r\n"])), cuts=st.lists(st.integers(0, 10_000))
)
def test_lines_do_not_depend_on_chunks(data: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "MAX_LINE_BYTES", 7)
        patch.setattr(lines_module, "KEPT_BYTES", 3)
        assert split(whole, cuts) == expected(whole, 7, 3)


def test_a_line_beyond_all_bounds_takes_no_memory() -> None:
    chunk = bytes(64 * 1024)
    splitter = LineSplitter()
    splitter.feed(b"before\n")
    tracemalloc.start()
    chunks = 4 * MAX_LINE_BYTES // len(chunk)
    for _ in range(chunks):
        splitter.feed(chunk)
    lines, long = splitter.feed(b"\nafter\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == [bytes(KEPT_BYTES), b"after"]
    assert long == {0: LongLine(chunks * len(chunk), hashlib.sha256(chunk * chunks).hexdigest())}
    assert peak < 3 * MAX_LINE_BYTES
