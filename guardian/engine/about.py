"""What a detector says of itself to people."""

from __future__ import annotations

import msgspec

from guardian.alerts.model import Severity


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What people need to know of a detector; the catalogue in the docs is generated from it.

    id: stable over versions; the type of the alerts for a detector that raises some.
    version: raised whenever the same events may lead to another decision.
    severities: what each severity it can give stands for.
    blind_spots: what it cannot see, said honestly.
    runbook: what a person should do, most urgent first.
    """

    id: str
    version: int
    title: str
    description: str
    subject: str
    severities: dict[Severity, str] = {}
    blind_spots: str = ""
    runbook: tuple[str, ...] = ()
