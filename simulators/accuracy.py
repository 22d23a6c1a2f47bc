"""How well alerts agree with what was to be found: precision and recall of every kind of finding.

Alerts are the objects that `guardian replay --alerts` writes, one a line; the expected findings are those
of an expected.json. Cleared alerts do not count.

- Single events (avoided, switched, odd weights) pair one to one: same station, same articles, times near.
- Episodes pair by overlap at the same station, as one system may split what another joins. A crash
  is one alert, though, and its length must be right.
- Missing stock pairs one to one: same count, same article, exactly the same number of units.
- Crimes listed as undetectable are neither asked for nor held against an alert.

Kinds that the expected findings say nothing about are not scored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import msgspec

Alert = Mapping[str, Any]
Finding = Mapping[str, Any]
Expected = Mapping[str, Sequence[Finding]]


class Tolerances(msgspec.Struct, frozen=True, kw_only=True):
    """time_s: how far the times of a single event may be apart. span_s: by how much spans are widened.

    snapshot_s: how far the times of a count of the stock may be apart. duration_s: how far the length of a
    crash may be off. sample_s: time between the samples that its expected length is given in.
    zone: of times that name none.
    """

    time_s: float = 5.0
    span_s: float = 10.0
    snapshot_s: float = 3.0
    duration_s: float = 10.0
    sample_s: float = 5.0
    zone: tzinfo = UTC


class Score(msgspec.Struct, frozen=True):
    """One kind of finding.

    expected: how many there are; found: how many alerts; recalled: expected ones that an alert reports;
    justified: alerts that report an expected one.
    """

    finding: str
    expected: int
    found: int
    recalled: int
    justified: int

    @property
    def recall(self) -> float:
        """Share of what was to be found that was found; 1 if there was nothing."""
        return self.recalled / self.expected if self.expected else 1.0

    @property
    def precision(self) -> float:
        """Share of what was found that is true; 1 if nothing was found."""
        return self.justified / self.found if self.found else 1.0


class Accuracy(msgspec.Struct, frozen=True):
    """The scores of a run, in the order of `KINDS`."""

    scores: tuple[Score, ...]

    def __getitem__(self, finding: str) -> Score:
        """The score of one kind; KeyError if it was not scored."""
        for score in self.scores:
            if score.finding == finding:
                return score
        raise KeyError(finding)

    @property
    def overall(self) -> Score:
        """All kinds together, every finding counting the same."""
        parts = self.scores
        return Score(
            "overall",
            sum(score.expected for score in parts),
            sum(score.found for score in parts),
            sum(score.recalled for score in parts),
            sum(score.justified for score in parts),
        )

    @property
    def worst(self) -> float:
        """The smallest of all precisions and recalls; 1 if nothing was scored."""
        return min((min(score.precision, score.recall) for score in self.scores), default=1.0)

    def table(self) -> str:
        """For people: a line a kind, and the overall figures."""
        lines = [f"{'finding':24}{'expected':>9}{'found':>7}{'recall':>8}{'precision':>11}"]
        lines += [
            f"{score.finding:24}{score.expected:9}{score.found:7}{score.recall:8.3f}{score.precision:11.3f}"
            for score in (*self.scores, self.overall)
        ]
        return "\n".join(lines)


def accuracy(alerts: Sequence[Alert], expected: Expected, tolerances: Tolerances | None = None) -> Accuracy:
    """Scores alerts against what was to be found; with the default tolerances if none are given."""
    tolerances = tolerances or Tolerances()
    judge = _Judge(tolerances, expected.get("undetectable", ()))
    raised: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        if alert.get("status") != "cleared":
            raised[alert["type"]].append(alert)
    return Accuracy(
        tuple(
            score(judge, finding, raised[kind], expected[finding])
            for finding, (kind, score) in KINDS.items()
            if finding in expected
        )
    )


class _Judge:
    """What is the same, within the tolerances."""

    def __init__(self, tolerances: Tolerances, undetectable: Sequence[Finding]) -> None:
        self.tolerances = tolerances
        self._undetectable = undetectable

    def at(self, text: str) -> float:
        """Epoch seconds of an ISO-8601 text."""
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.tolerances.zone)).timestamp()

    def span(self, alert: Alert) -> tuple[float, float]:
        """Start and end of an alert, epoch seconds."""
        start = alert.get("started_at") or alert["event_time"]
        end = alert.get("ended_at") or alert["event_time"]
        return self.at(start), self.at(end)

    def same_span(self, alert: Alert, finding: Finding) -> bool:
        """Whether an alert is about the station (and customer) of an episode, and overlaps it."""
        if _station(alert) != finding["station_id"]:
            return False
        if "customer_id" in finding and _customer(alert) != finding["customer_id"]:
            return False
        start, end = self.span(alert)
        margin = self.tolerances.span_s
        return start <= self.at(finding["end"]) + margin and end >= self.at(finding["start"]) - margin

    def undetectable(self, finding: str, keys: tuple[str, ...]) -> list[tuple[Hashable, float]]:
        """Those of a kind: what they are about, and when."""
        return [
            (tuple(one[key] for key in keys), self.at(one["time"]))
            for one in self._undetectable
            if one["finding"] == finding
        ]


_Scorer = Callable[[_Judge, str, Sequence[Alert], Sequence[Finding]], Score]


def _events(keys: tuple[str, ...]) -> _Scorer:
    """Scores single events that are the same if these keys are, and their times near each other."""

    def score(judge: _Judge, finding: str, alerts: Sequence[Alert], expected: Sequence[Finding]) -> Score:
        within = judge.tolerances.time_s
        found = [
            (tuple(_evidence(alert, key) for key in keys), judge.at(alert["event_time"])) for alert in alerts
        ]
        wanted = [(tuple(one[key] for key in keys), judge.at(one["time"])) for one in expected]
        return _pair(finding, found, wanted, judge.undetectable(finding, keys), within)

    return score


def _stock(judge: _Judge, finding: str, alerts: Sequence[Alert], expected: Sequence[Finding]) -> Score:
    found = []
    for alert in alerts:
        units = _evidence(alert, "unexplained") or 0
        if units > 0:
            when = judge.at(_evidence(alert, "snapshot_time") or alert["event_time"])
            found.append(((_evidence(alert, "sku"), units), when))
    wanted = [((one["sku"], one["units"]), judge.at(one["snapshot_time"])) for one in expected]
    return _pair(finding, found, wanted, [], judge.tolerances.snapshot_s)


def _episodes(judge: _Judge, finding: str, alerts: Sequence[Alert], expected: Sequence[Finding]) -> Score:
    return Score(
        finding,
        len(expected),
        len(alerts),
        sum(any(judge.same_span(alert, one) for alert in alerts) for one in expected),
        sum(any(judge.same_span(alert, one) for one in expected) for alert in alerts),
    )


def _crashes(judge: _Judge, finding: str, alerts: Sequence[Alert], expected: Sequence[Finding]) -> Score:
    limits = judge.tolerances

    def same(alert: Alert, one: Finding) -> bool:
        start, end = judge.span(alert)
        lasted = _evidence(alert, "duration_s")
        off = (end - start if lasted is None else lasted) - one["samples"] * limits.sample_s
        return judge.same_span(alert, one) and abs(off) <= limits.duration_s

    choices = [[i for i, one in enumerate(expected) if same(alert, one)] for alert in alerts]
    pairs = sum(choice is not None for choice in _match(choices))
    return Score(finding, len(expected), len(alerts), pairs, pairs)


def _pair(
    finding: str,
    found: Sequence[tuple[Hashable, float]],
    wanted: Sequence[tuple[Hashable, float]],
    excused: Sequence[tuple[Hashable, float]],
    within_s: float,
) -> Score:
    """Pairs (what, when) one to one, as many as possible; what is found beyond that may be excused."""
    targets: dict[Hashable, list[tuple[int, float]]] = defaultdict(list)
    for index, (what, when) in enumerate([*wanted, *excused]):
        targets[what].append((index, when))
    choices = []
    for what, when in found:
        near = [(abs(at - when), index) for index, at in targets[what] if abs(at - when) <= within_s]
        # What is asked for comes before what is excused.
        choices.append([index for _, index in sorted(near, key=lambda one: (one[1] >= len(wanted), one))])
    matched = _match(choices)
    hits = sum(index is not None and index < len(wanted) for index in matched)
    pardoned = sum(index is not None and index >= len(wanted) for index in matched)
    return Score(finding, len(wanted), len(found) - pardoned, hits, hits)


def _match(choices: Sequence[Sequence[int]]) -> list[int | None]:
    """Gives as many as possible one of their choices, no two the same; earlier choices are preferred."""
    holder: dict[int, int] = {}

    def give(one: int, tried: set[int]) -> bool:
        for choice in choices[one]:
            if choice not in tried:
                tried.add(choice)
                if choice not in holder or give(holder[choice], tried):
                    holder[choice] = one
                    return True
        return False

    for one in range(len(choices)):
        give(one, set())
    given: list[int | None] = [None] * len(choices)
    for choice, one in holder.items():
        given[one] = choice
    return given


def _evidence(alert: Alert, key: str) -> Any:
    """A fact of an alert; None if it has none of that name."""
    evidence = alert["evidence"]
    if key == "station_id":
        return _station(alert)
    if key == "sku" and key not in evidence:
        return evidence.get("product_sku")
    return evidence.get(key)


def _station(alert: Alert) -> Any:
    return alert["evidence"].get("station_id") or alert["subject"]["id"]


def _customer(alert: Alert) -> Any:
    return alert["evidence"].get("customer_id") or alert["subject"]["id"]


KINDS: Final[dict[str, tuple[str, _Scorer]]] = {
    "scanner_avoidance": ("SCANNER_AVOIDANCE", _events(("station_id", "sku"))),
    "barcode_switching": ("BARCODE_SWITCHING", _events(("station_id", "actual_sku", "scanned_sku"))),
    "weight_discrepancy": ("WEIGHT_DISCREPANCY", _events(("station_id", "sku"))),
    "system_crash": ("SYSTEM_CRASH", _crashes),
    "long_queue": ("LONG_QUEUE", _episodes),
    "long_wait": ("LONG_WAIT", _episodes),
    "inventory_unexplained": ("INVENTORY_DISCREPANCY", _stock),
    "read_errors": ("READ_ERRORS", _episodes),
    "rapid_transactions": ("RAPID_TRANSACTIONS", _episodes),
}
"""By the name of the expected findings: the type of the alerts that report them, and how they are scored."""
