"""A report as one page of HTML that needs nothing from elsewhere: a chart drawn in SVG, and the numbers."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from typing import Final

from guardian.desk_ports import ReportTable

MOST_BARS: Final = 24
_WIDTH: Final = 720
_BAR: Final = 22
_NAMES: Final = 240

# What a bar says, and of what: by report, names of columns. The value is summed over rows of the same name.
_CHARTS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "daily_loss_summary": (("type",), "value_at_risk"),
    "detector_quality": (("detector",), "alerts"),
    "repeat_offenders": (("kind", "id"), "alerts"),
    "stock_accuracy": (("location",), "units_apart"),
    "heat_map": (("shift", "hour"), "alerts"),
    "qr_health": (("day",), "scanned"),
    "late_and_quarantined": (("stream",), "records"),
    "weekly_executive_summary": (("week",), "findings"),
}

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2330; --paper: #ffffff; --line: #d5dae3; --bar: #2563a8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf2; --paper: #12161d; --line: #333b49; --bar: #6aa5e8; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 70rem; padding: 0 1rem; }
svg { width: 100%; max-width: 720px; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg rect { fill: var(--bar); }
.numbers { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
""".strip()


def report_page(found: ReportTable) -> str:
    """The page. Everything that comes from records is escaped."""
    title = escape(found.title)
    where = escape(found.site) if found.site else "all sites"
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{escape(found.description)}</p>
<p>{escape(found.since[:10])} to {escape(found.until[:10])} (not included), {where}</p>
{_chart(found)}
<div class="numbers">
{_numbers(found)}
</div>
</body>
</html>
"""


def _chart(found: ReportTable) -> str:
    names, value = _CHARTS.get(found.name, ((), ""))
    if not found.rows or value not in found.columns:
        return ""
    sums: dict[str, float] = defaultdict(float)
    places = [found.columns.index(name) for name in names]
    of = found.columns.index(value)
    for row in found.rows:
        amount = row[of]
        label = " ".join(str(row[place]) for place in places)
        sums[label] += amount if isinstance(amount, int | float) else 0
    bars = (
        sorted(sums.items(), key=lambda bar: -bar[1])[:MOST_BARS] if "day" not in names else [*sums.items()]
    )
    bars = [bar for bar in bars if bar[1] > 0][-MOST_BARS:]
    if not bars:
        return ""
    most = max(amount for _, amount in bars)
    drawn = "\n".join(
        _bar(number, label, amount, amount / most) for number, (label, amount) in enumerate(bars)
    )
    about = escape(f"{value.replace('_', ' ')} by {', '.join(names)}")
    return (
        f'<svg viewBox="0 0 {_WIDTH} {len(bars) * _BAR + 4}" role="img" aria-label="{about}">\n'
        f"<title>{about}</title>\n{drawn}\n</svg>"
    )


def _bar(number: int, label: str, amount: float, share: float) -> str:
    top = number * _BAR + 2
    width = max(1.0, share * (_WIDTH - _NAMES - 90))
    name = escape(label if len(label) <= 32 else f"{label[:31]}…")
    return (
        f'<text x="{_NAMES - 8}" y="{top + 14}" text-anchor="end">{name}</text>'
        f'<rect x="{_NAMES}" y="{top}" width="{width:.1f}" height="{_BAR - 5}"></rect>'
        f'<text x="{_NAMES + width + 6:.1f}" y="{top + 14}">{amount:,.0f}</text>'
    )


def _numbers(found: ReportTable) -> str:
    if not found.rows:
        return "<p>Nothing in this time.</p>"
    is_number = [
        any(isinstance(row[place], int | float) for row in found.rows) for place in range(len(found.columns))
    ]
    kinds = [' class="number"' if number else "" for number in is_number]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name.replace("_", " "))}</th>'
        for name, kind in zip(found.columns, kinds, strict=True)
    )
    rows = "\n".join(
        "<tr>" + "".join(f"<td{kind}>{_shown(v)}</td>" for v, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in found.rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
