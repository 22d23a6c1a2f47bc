"""Alerts on a screen, as they come."""

from __future__ import annotations

from collections import Counter, deque
from datetime import UTC, datetime

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from guardian.alerts.model import Alert, Severity, Status
from guardian.cli.output import COLOURS, alert_row
from guardian.engine.plan import Plan

OF_A_KIND = 6


class AlertScreen:
    """A live table of the latest alerts on a terminal, critical ones on top; elsewhere a line whenever one is
    raised or changes.

    brief: one line with the latest alone, where everything else is shown elsewhere.
    Cleared alerts and those below `least` are not news, but counted. Of many alerts of one type only some are
    shown: an attack on a hundred articles must not hide everything else.
    """

    def __init__(self, console: Console, least: Severity = Severity.MEDIUM, *, brief: bool = False) -> None:
        self._console = console
        self._brief = brief
        self._rank = list(Severity).index(least)
        self._rows: deque[str] = deque(maxlen=200)
        self._most = max(5, console.height - 12)
        self._told: Counter[tuple[str, Status]] = Counter()
        self._latest: dict[str, Alert] = {}
        self._events = 0
        self._clock = 0
        self._live = Live(console=console, refresh_per_second=5) if console.is_terminal else None

    def __enter__(self) -> AlertScreen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, plan: Plan) -> None:
        """Takes what a plan changed."""
        self._events += sum(number for name, number in plan.counters.items() if name.startswith("events."))
        for alert in plan.alerts.values():
            self._clock = max(self._clock, alert.ended_at)
            before = self._latest.get(alert.alert_id)
            self._latest[alert.alert_id] = alert
            if list(Severity).index(alert.severity) < self._rank or alert.status == Status.CLEARED:
                continue
            if before is None or (before.status, before.severity) != (alert.status, alert.severity):
                if alert.alert_id in self._rows:
                    self._rows.remove(alert.alert_id)
                self._rows.append(alert.alert_id)
                kind = alert.type, alert.status
                self._told[kind] += 1
                if self._live is None and self._told[kind] <= OF_A_KIND:
                    self._console.print(alert_row(alert), soft_wrap=True)
                elif self._live is None and self._told[kind] == OF_A_KIND + 1:
                    self._console.print(f"    … and more {alert.type}, {alert.status.value}")
        if self._live:
            self._live.update(self._line() if self._brief else self._table())

    def _table(self) -> Group:
        table = Table(expand=True, title="Alerts as they come", title_justify="left")
        table.add_column("severity", width=9)
        table.add_column("status", width=9)
        table.add_column("type", no_wrap=True)
        table.add_column("what happened", ratio=1)
        shown: Counter[str] = Counter()
        latest = [self._latest[identifier] for identifier in reversed(self._rows)]
        latest.sort(key=lambda alert: alert.severity != Severity.CRITICAL)
        for alert in latest:
            shown[alert.type] += 1
            if shown[alert.type] > OF_A_KIND:
                continue
            if table.row_count >= self._most:
                break
            table.add_row(
                Text(alert.severity.value, style=COLOURS[alert.severity]),
                alert.status.value,
                alert.type,
                Text(alert.narrative),
            )
        return Group(table, self._counts())

    def _line(self) -> Text:
        line = self._counts()
        line.no_wrap, line.overflow = True, "ellipsis"
        if self._rows:
            alert = self._latest[self._rows[-1]]
            line.append(f"   {alert.severity.value} ", style=COLOURS[alert.severity])
            line.append(f"{alert.type}  {alert.narrative}", style="not bold")
        return line

    def _counts(self) -> Text:
        clock = (
            datetime.fromtimestamp(self._clock / 1000, UTC).strftime("%a %H:%M:%S") if self._clock else "-"
        )
        return Text(f"{clock}   {self._events:,} events   {len(self._latest)} alerts", style="bold")
