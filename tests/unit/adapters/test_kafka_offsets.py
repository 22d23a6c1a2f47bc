"""What may be committed, in whatever order acknowledgements come."""

from __future__ import annotations

from hypothesis import given, strategies as st

from guardian.adapters.kafka.offsets import Progress


def test_nothing_taken_nothing_to_commit() -> None:
    assert Progress("t", 0).committable is None


@given(st.lists(st.integers(1, 5), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_never_past_what_is_not_done_and_all_in_the_end(gaps: list[int], chance: object) -> None:
    """Offsets have gaps (transactions, compaction)."""
    progress = Progress("t", 0)
    offsets, at = [], 100
    for gap in gaps:
        at += gap
        assert progress.take(at)
        offsets.append(at)
    left = set(offsets)
    shuffled = list(offsets)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    for offset in shuffled:
        assert progress.committable == min(left)
        progress.done(offset)
        left.remove(offset)
    assert progress.committable == offsets[-1] + 1


@given(st.data())
def test_taken_and_done_interleaved_with_repeats(data: st.DataObject) -> None:
    """A record that is read again must be done again before anything goes past it."""
    progress = Progress("t", 0)
    under_way: list[int] = []
    highest = -1
    for _ in range(data.draw(st.integers(1, 60))):
        if under_way and data.draw(st.booleans()):
            progress.done(under_way.pop(data.draw(st.integers(0, len(under_way) - 1))))
        else:
            again = highest >= 0 and data.draw(st.integers(0, 4)) == 0
            offset = data.draw(st.integers(0, highest)) if again else highest + 1
            assert progress.take(offset) is not again
            highest = max(highest, offset)
            under_way.append(offset)
        assert progress.committable == (min(under_way) if under_way else highest + 1)
