"""Verifying is bounded: in what it remembers, and in what it takes for a text of any length."""

from __future__ import annotations

import gc
import tracemalloc

from guardian.qr.sign import sign
from guardian.qr.verify import CACHE_SIZE, Outcome
from tests.unit.qr.codes import CODE, KEY, code, verifier

TEXT = sign(CODE, KEY)


def test_no_more_is_remembered_than_said() -> None:
    checking = verifier()
    for number in range(CACHE_SIZE + 500):
        checking.check(f"{TEXT}{number}")
    assert checking.remembered() == CACHE_SIZE


def test_a_verdict_is_the_same_remembered_or_not() -> None:
    checking = verifier()
    first, again = checking.check(TEXT), checking.check(TEXT)
    assert first == again == verifier().check(TEXT)
    assert checking.remembered() == 1


def test_long_texts_are_refused_unread_and_not_remembered() -> None:
    checking = verifier()
    for start in (TEXT, "{", "https://x/p/"):
        assert checking.check(start + "x" * 1_000_000).outcome is Outcome.NOT_A_CODE
    assert checking.remembered() == 0


def test_the_longest_code_verifies() -> None:
    text = sign(code(product_id="ü" * 250, location="L" * 235, issuer="E"), KEY)
    assert 1_900 < len(text) <= 2_048
    assert verifier().check(text).genuine


def test_memory_does_not_grow_with_the_number_of_texts() -> None:
    checking = verifier()

    def flood(first: int, last: int) -> None:
        for number in range(first, last):
            checking.check(f"{TEXT[:-8]}{number:08}")

    tracemalloc.start()
    try:
        flood(0, 6_000)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        flood(6_000, 20_000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 256 * 1024
