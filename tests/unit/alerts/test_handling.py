"""What people may do with an alert, whatever they did before."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guardian.alerts.handling import (
    NOTE_CHARS,
    UNTOUCHED,
    Action,
    Handling,
    HandlingChange,
    RefusedChangeError,
    Resolution,
    apply,
)
from guardian.alerts.model import Workflow

changes = st.builds(
    HandlingChange,
    action=st.sampled_from(Action),
    resolution=st.none() | st.sampled_from(Resolution),
    assignee=st.none() | st.sampled_from(["", "u1", "u2"]),
    note=st.none() | st.sampled_from(["", " ", "why", "x" * (NOTE_CHARS + 1)]),
)


@given(st.lists(changes, max_size=12))
def test_whatever_people_try_it_stays_in_order(tried: list[HandlingChange]) -> None:
    now, reasons = UNTOUCHED, list[tuple[str, str]]()
    for at, change in enumerate(tried, 1):
        try:
            after = apply(now, change, f"u{at}", at)
        except RefusedChangeError as refused:
            reasons.append((refused.field, str(refused)))
            continue
        assert (after.resolution is Resolution.NONE) == (after.workflow is not Workflow.RESOLVED)
        assert (after.revision, after.changed_by, after.changed_at) == (now.revision + 1, f"u{at}", at)
        assert len(after.note) <= NOTE_CHARS
        if change.action in {Action.ASSIGN, Action.NOTE}:
            assert (after.workflow, after.resolution) == (now.workflow, now.resolution)
        assert after.note == (now.note if change.note is None else change.note)
        assert after.assignee == (now.assignee if change.assignee is None else change.assignee)
        now = after
    assert all(field in {"action", "resolution", "assignee", "note"} and why for field, why in reasons)


OPEN = Handling()
ACKNOWLEDGED = Handling(workflow=Workflow.ACKNOWLEDGED)
RESOLVED = Handling(workflow=Workflow.RESOLVED, resolution=Resolution.TRUE_POSITIVE)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (OPEN, HandlingChange(action=Action.ACKNOWLEDGE), Workflow.ACKNOWLEDGED),
        (
            OPEN,
            HandlingChange(action=Action.RESOLVE, resolution=Resolution.FALSE_POSITIVE),
            Workflow.RESOLVED,
        ),
        (
            RESOLVED,
            HandlingChange(action=Action.RESOLVE, resolution=Resolution.FALSE_POSITIVE),
            Workflow.RESOLVED,
        ),
        (RESOLVED, HandlingChange(action=Action.REOPEN, note="it was found elsewhere"), Workflow.OPEN),
        (RESOLVED, HandlingChange(action=Action.NOTE, note="paid for"), Workflow.RESOLVED),
        (ACKNOWLEDGED, HandlingChange(action=Action.ASSIGN, assignee="u2"), Workflow.ACKNOWLEDGED),
    ],
)
def test_what_is_allowed(before: Handling, change: HandlingChange, after: Workflow) -> None:
    assert apply(before, change, "u1", 5).workflow is after


@pytest.mark.parametrize(
    ("before", "change", "field"),
    [
        (ACKNOWLEDGED, HandlingChange(action=Action.ACKNOWLEDGE), "action"),
        (RESOLVED, HandlingChange(action=Action.ACKNOWLEDGE), "action"),
        (OPEN, HandlingChange(action=Action.RESOLVE), "resolution"),
        (OPEN, HandlingChange(action=Action.RESOLVE, resolution=Resolution.NONE), "resolution"),
        (
            OPEN,
            HandlingChange(action=Action.NOTE, note="x", resolution=Resolution.TRUE_POSITIVE),
            "resolution",
        ),
        (OPEN, HandlingChange(action=Action.REOPEN, note="x"), "action"),
        (RESOLVED, HandlingChange(action=Action.REOPEN), "note"),
        (RESOLVED, HandlingChange(action=Action.REOPEN, note="  "), "note"),
        (OPEN, HandlingChange(action=Action.ASSIGN), "assignee"),
        (OPEN, HandlingChange(action=Action.NOTE), "note"),
        (OPEN, HandlingChange(action=Action.NOTE, note="x" * (NOTE_CHARS + 1)), "note"),
        (OPEN, HandlingChange(action=Action.ASSIGN, assignee="u" * 201), "assignee"),
    ],
)
def test_what_is_refused(before: Handling, change: HandlingChange, field: str) -> None:
    with pytest.raises(RefusedChangeError) as refused:
        apply(before, change, "u1", 5)
    assert refused.value.field == field
