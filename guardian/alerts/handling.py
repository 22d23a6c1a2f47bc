"""What people do with an alert: the machine never changes it, and it never changes what the machine says."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from guardian.alerts.model import Workflow

NOTE_CHARS = 4_000
"""Characters in the longest note."""
ASSIGNEE_CHARS = 200
"""Characters in the longest user id."""


class Resolution(StrEnum):
    """What it turned out to be."""

    NONE = ""
    TRUE_POSITIVE = "true_positive"
    FALSE_POSITIVE = "false_positive"


class Action(StrEnum):
    """What a person may do with an alert."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    ASSIGN = "assign"
    NOTE = "note"


class Handling(msgspec.Struct, frozen=True, kw_only=True):
    """Where people stand with an alert.

    resolution: only while it is resolved. assignee: a user's id, or empty. changed_by: a user's id, empty
    before the first change. changed_at: epoch milliseconds, 0 before the first. revision: one more with
    every change.
    """

    workflow: Workflow = Workflow.OPEN
    resolution: Resolution = Resolution.NONE
    assignee: str = ""
    note: str = ""
    changed_by: str = ""
    changed_at: int = 0
    revision: int = 0


UNTOUCHED = Handling()
"""Before anybody has done anything."""


class HandlingChange(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a person wants to do. None: leave as it is."""

    action: Action
    resolution: Resolution | None = None
    assignee: str | None = None
    note: str | None = None


class RefusedChangeError(Exception):
    """A change that makes no sense for the alert as it is. field: which part of the change is at fault."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def apply(handling: Handling, change: HandlingChange, by: str, at: int) -> Handling:
    """The handling after a change, made by a user at a time. Raises RefusedChangeError.

    A note may come with every action and replaces the one before; so may an assignee, except with `note`.
    """
    _check(handling, change)
    workflow, resolution = handling.workflow, handling.resolution
    if change.action is Action.ACKNOWLEDGE:
        workflow = Workflow.ACKNOWLEDGED
    elif change.action is Action.RESOLVE:
        workflow, resolution = Workflow.RESOLVED, change.resolution or Resolution.NONE
    elif change.action is Action.REOPEN:
        workflow, resolution = Workflow.OPEN, Resolution.NONE
    return Handling(
        workflow=workflow,
        resolution=resolution,
        assignee=handling.assignee if change.assignee is None else change.assignee,
        note=handling.note if change.note is None else change.note,
        changed_by=by,
        changed_at=at,
        revision=handling.revision + 1,
    )


def _check(handling: Handling, change: HandlingChange) -> None:
    action, workflow = change.action, handling.workflow
    if change.note is not None and len(change.note) > NOTE_CHARS:
        raise RefusedChangeError("note", f"at most {NOTE_CHARS} characters")
    if change.assignee is not None and len(change.assignee) > ASSIGNEE_CHARS:
        raise RefusedChangeError("assignee", f"at most {ASSIGNEE_CHARS} characters")
    if change.resolution and action is not Action.RESOLVE:
        raise RefusedChangeError("resolution", "comes only with the action resolve")
    if action is Action.ACKNOWLEDGE and workflow is not Workflow.OPEN:
        raise RefusedChangeError("action", f"the alert is {workflow.value}, only an open one is acknowledged")
    if action is Action.RESOLVE and not change.resolution:
        raise RefusedChangeError("resolution", "expected true_positive or false_positive")
    if action is Action.REOPEN and workflow is not Workflow.RESOLVED:
        raise RefusedChangeError("action", f"the alert is {workflow.value}, only a resolved one is reopened")
    if action is Action.REOPEN and not (change.note or "").strip():
        raise RefusedChangeError("note", "to reopen an alert, say why")
    if action is Action.ASSIGN and change.assignee is None:
        raise RefusedChangeError("assignee", "expected a user's id, or an empty text for nobody")
    if action is Action.NOTE and change.note is None:
        raise RefusedChangeError("note", "expected a text")
    if action is Action.NOTE and change.assignee is not None:
        raise RefusedChangeError("assignee", "does not come with the action note")
