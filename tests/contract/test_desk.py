"""What every `AlertDesk` must do, whatever it is made of."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from guardian.alerts.handling import (
    UNTOUCHED,
    Action,
    HandlingChange,
    RefusedChangeError,
    Resolution,
)
from guardian.alerts.model import Alert, Severity, Status, Workflow
from guardian.alerts.place import place_of
from guardian.desk_ports import (
    AlertDesk,
    AlertQuery,
    AlertWithHandling,
    AuditEntry,
    CursorError,
    NotFoundError,
    Order,
    StaleError,
)
from tests.contract.committer import example_alert
from tests.contract.desks import PLACES, Place

NOW = 1_700_000_000_000
ACKNOWLEDGE = HandlingChange(action=Action.ACKNOWLEDGE)
RESOLVE = HandlingChange(action=Action.RESOLVE, resolution=Resolution.FALSE_POSITIVE, note="a demo unit")


@pytest.fixture(params=PLACES, ids=lambda made: made.__name__)
def made(request: pytest.FixtureRequest) -> type[Place]:
    found: type[Place] = request.param
    if found.server:
        request.getfixturevalue(found.server)
    return found


@pytest.fixture
def place(made: type[Place], tmp_path: Path) -> Iterator[Place]:
    place = made(tmp_path)
    yield place
    place.close()


def alert(
    alert_id: str,
    *,
    at: int = NOW,
    site: str = "shop-1",
    severity: Severity = Severity.MEDIUM,
    status: Status = Status.SUSPECTED,
    kind: str = "LONG_QUEUE",
    count: int = 1,
    evidence: dict[str, Any] | None = None,
) -> Alert:
    made = example_alert(alert_id, count=count, event_time=at)
    return msgspec.structs.replace(
        made,
        evidence=made.evidence if evidence is None else evidence,
        site=site,
        severity=severity,
        status=status,
        type=kind,
        narrative=f"Seven “waiting” at {site}: {kind} {alert_id}",
    )


def newest_first(item: AlertWithHandling) -> tuple[int, str]:
    return (-item.alert.event_time, "".join(chr(0x10FFFF - ord(c)) for c in item.alert.alert_id))


def walk(desk: AlertDesk, query: AlertQuery) -> Iterator[AlertWithHandling]:
    """All pages, each asked for when the one before has been read."""
    while True:
        page = desk.find(query)
        assert len(page.items) <= query.limit
        yield from page.items
        if not page.next_cursor:
            return
        query = msgspec.structs.replace(query, cursor=page.next_cursor)


SITES = ("shop-1", "shop-2", "ware house")
alerts = st.builds(
    lambda number, at, site, severity, status, kind, evidence: alert(
        f"al_{number:02d}",
        at=NOW + at,
        site=site,
        severity=severity,
        status=status,
        kind=kind,
        evidence=evidence,
    ),
    st.integers(0, 40),
    st.integers(0, 4),
    st.sampled_from(SITES),
    st.sampled_from(Severity),
    st.sampled_from(Status),
    st.sampled_from(["LONG_QUEUE", "SCANNER_AVOIDANCE"]),
    st.sampled_from(
        [
            {},
            {"location": "WH1/A-03"},
            {"location": "WH1/B-01", "station_id": "SCC2"},
            {"station_id": "SCC2"},
            {"location": ["WH1/A-03"], "station_id": ""},
        ]
    ),
)
collections = st.lists(alerts, max_size=25, unique_by=lambda one: one.alert_id)


def searching(made: type[Place]) -> settings:
    health = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=made.examples, suppress_health_check=health)


def test_walking_all_pages_gives_every_alert_once_and_in_order(made: type[Place], tmp_path: Path) -> None:
    @searching(made)
    @given(collections, collections, st.integers(1, 7), st.sampled_from(Order))
    def check(first: list[Alert], added: list[Alert], limit: int, order: Order) -> None:
        place = made(tmp_path)
        desk = place.desk()
        place.commit(first)
        known = {one.alert_id for one in first}
        more = iter([one for one in added if one.alert_id not in known])
        met = []
        for item in walk(desk, AlertQuery(limit=limit, order=order)):
            met.append(item)
            if (one := next(more, None)) is not None:
                place.commit([one])  # while somebody reads
        place.close()

        def key(item: AlertWithHandling) -> tuple[int, tuple[int, str]]:
            rank = -list(Severity).index(item.alert.severity) if order is Order.SEVERITY else 0
            return rank, newest_first(item)

        assert met == sorted(met, key=key)
        times = Counter(item.alert.alert_id for item in met)
        assert max(times.values(), default=1) == 1
        assert known <= set(times)

    check()


PLACES_IN = {
    "WH1/A-03": {"WH1/A-03", "WH1/A", "WH1"},
    "WH1/B-01": {"WH1/B-01", "WH1/B", "WH1"},
    "SCC1": {"SCC1"},
    "SCC2": {"SCC2"},
}
"""Where an alert is, and everything that this is in."""
queries = st.builds(
    AlertQuery,
    sites=st.none() | st.lists(st.sampled_from(SITES), max_size=2, unique=True).map(tuple),
    severities=st.lists(st.sampled_from(Severity), max_size=3).map(tuple),
    types=st.lists(st.sampled_from(["LONG_QUEUE", "SCANNER_AVOIDANCE", "X"]), max_size=3).map(tuple),
    statuses=st.lists(st.sampled_from(Status), max_size=2).map(tuple),
    workflows=st.lists(st.sampled_from(Workflow), max_size=2).map(tuple),
    place=st.sampled_from(["", "", "", "SCC1", "SCC2", "WH1", "WH1/A", "WH1/A-03", "WH1/A-0"]),
    assignee=st.none() | st.sampled_from(["", "u1"]),
    since=st.none() | st.integers(NOW, NOW + 4),
    until=st.none() | st.integers(NOW, NOW + 5),
    text=st.sampled_from(["", "“WAITING”", "al_1", "%", "queue", "scc1"]),
    order=st.sampled_from(Order),
    limit=st.integers(1, 8),
)


def test_filters_find_what_they_say(made: type[Place], tmp_path: Path) -> None:
    @searching(made)
    @given(collections, queries, st.data())
    def check(first: list[Alert], query: AlertQuery, data: st.DataObject) -> None:
        place = made(tmp_path)
        desk = place.desk()
        place.commit(first)
        stored = {one.alert_id: AlertWithHandling(one, UNTOUCHED) for one in first}
        for one in first:
            change = data.draw(
                st.none() | st.just(ACKNOWLEDGE) | st.just(msgspec.structs.replace(RESOLVE, assignee="u1"))
            )
            if change is not None:
                stored[one.alert_id] = desk.change(one.site, one.alert_id, 0, change, "u1", NOW)
        expected = {
            alert_id
            for alert_id, item in stored.items()
            if (query.sites is None or item.alert.site in query.sites)
            and (not query.severities or item.alert.severity in query.severities)
            and (not query.types or item.alert.type in query.types)
            and (not query.statuses or item.alert.status in query.statuses)
            and (not query.workflows or item.handling.workflow in query.workflows)
            and (not query.place or query.place in PLACES_IN[place_of(item.alert)])
            and (query.assignee is None or item.handling.assignee == query.assignee)
            and (query.since is None or item.alert.event_time >= query.since)
            and (query.until is None or item.alert.event_time < query.until)
            and query.text.casefold() in f"{item.alert.narrative}\n{item.alert.subject.id}".casefold()
        }
        found = list(walk(desk, query))
        total = desk.find(query).total_open
        place.close()
        assert {item.alert.alert_id for item in found} == expected
        assert all(item == stored[item.alert.alert_id] for item in found)
        assert total == sum(
            item.handling.workflow is Workflow.OPEN
            and item.alert.status is not Status.CLEARED
            and (query.sites is None or item.alert.site in query.sites)
            for item in stored.values()
        )

    check()


def test_what_people_do_and_what_the_machine_says_leave_each_other_alone(place: Place) -> None:
    desk = place.desk()
    place.commit([alert("al_1")])
    changed = desk.change("shop-1", "al_1", 0, ACKNOWLEDGE, "u1", NOW)
    assert (changed.handling.workflow, changed.handling.revision) == (Workflow.ACKNOWLEDGED, 1)
    assert (changed.handling.changed_by, changed.handling.changed_at) == ("u1", NOW)
    grown = alert("al_1", count=9, severity=Severity.CRITICAL)
    place.commit([grown])
    assert desk.get("shop-1", "al_1") == AlertWithHandling(grown, changed.handling)
    resolved = desk.change("shop-1", "al_1", 1, RESOLVE, "u2", NOW + 1)
    assert desk.get(None, "al_1") == AlertWithHandling(grown, resolved.handling)
    desk.record(
        AuditEntry(id="", at=NOW, by="u3", site="shop-1", action="qr.generate", subject="al_1", detail={})
    )
    history = desk.history("shop-1", "al_1")
    assert [(entry.by, entry.at, entry.action) for entry in history] == [
        ("u1", NOW, "alert.acknowledge"),
        ("u2", NOW + 1, "alert.resolve"),
    ]
    assert history[1].detail["before"] == history[0].detail["after"]
    assert history[1].detail["after"]["resolution"] == "false_positive"


def test_a_change_that_cannot_be_made_changes_nothing(place: Place) -> None:
    desk = place.desk()
    place.commit([alert("al_1")])
    desk.change("shop-1", "al_1", 0, ACKNOWLEDGE, "u1", NOW)
    with pytest.raises(StaleError) as stale:
        desk.change("shop-1", "al_1", 0, RESOLVE, "u2", NOW)
    assert stale.value.current == desk.get("shop-1", "al_1")
    with pytest.raises(RefusedChangeError):
        desk.change("shop-1", "al_1", 1, ACKNOWLEDGE, "u2", NOW)
    for site, alert_id in (("shop-2", "al_1"), ("shop-1", "al_2"), ("shop-1", ""), ("shop-1", "a/b")):
        with pytest.raises(NotFoundError):
            desk.change(site, alert_id, 1, RESOLVE, "u2", NOW)
        with pytest.raises(NotFoundError):
            desk.get(site, alert_id)
        with pytest.raises(NotFoundError):
            desk.history(site, alert_id)
    assert len(desk.history("shop-1", "al_1")) == 1
    assert desk.get("shop-1", "al_1").handling.revision == 1


def test_of_many_who_change_at_once_one_is_first_while_the_machine_goes_on(place: Place) -> None:
    place.commit([alert("al_1")])
    desks = [place.desk() for _ in range(6)]
    start = threading.Barrier(len(desks) + 1)

    def change(number: int) -> bool:
        start.wait()
        try:
            desks[number].change("shop-1", "al_1", 0, ACKNOWLEDGE, f"u{number}", NOW)
        except StaleError:
            return False
        return True

    def grow() -> bool:
        start.wait()
        for count in range(2, 12):
            place.commit([alert("al_1", count=count)])
        return False

    with ThreadPoolExecutor(len(desks) + 1) as pool:
        running = [pool.submit(change, number) for number in range(len(desks))] + [pool.submit(grow)]
        first = [number for number, one in enumerate(running) if one.result()]
    assert len(first) == 1
    now = desks[0].get("shop-1", "al_1")
    assert (now.alert.count, now.handling.changed_by) == (11, f"u{first[0]}")
    assert len(desks[0].history("shop-1", "al_1")) == 1


@pytest.mark.parametrize(
    "cursor", ["x", "bmV3ZXN0", "é", "A" * 3_000, "WyJuZXdlc3QiLDEsMiwzXQ", "WyJuZXdlc3QiLDEsMiwiYSIsMV0"]
)
def test_a_cursor_that_no_page_gave_out_is_refused(place: Place, cursor: str) -> None:
    desk = place.desk()
    place.commit([alert("al_1")])
    with pytest.raises(CursorError):
        desk.find(AlertQuery(cursor=cursor))
    with pytest.raises(CursorError):
        desk.changes(cursor, None, 10)
    with pytest.raises(CursorError):
        desk.audit(None, 10, cursor)


def test_a_cursor_is_good_for_its_own_order_only(place: Place) -> None:
    desk = place.desk()
    place.commit([alert("al_1"), alert("al_2")])
    cursor = desk.find(AlertQuery(limit=1)).next_cursor
    assert cursor
    with pytest.raises(CursorError):
        desk.find(AlertQuery(limit=1, cursor=cursor, order=Order.SEVERITY))


def test_who_follows_the_changes_ends_up_with_everything_as_it_is(made: type[Place], tmp_path: Path) -> None:
    steps = st.lists(
        st.tuples(st.sampled_from(["machine", "people", "read"]), st.integers(0, 5), st.integers(1, 9)),
        max_size=30,
    )

    @searching(made)
    @given(steps, st.integers(2, 5))
    def check(steps: list[tuple[str, int, int]], limit: int) -> None:
        place = made(tmp_path)
        desk = place.desk()
        place.commit([alert("al_start")])
        cursor = desk.latest_change()
        known: dict[str, AlertWithHandling] = {}
        there = set()

        def read() -> str:
            changes = desk.changes(cursor, None, limit)
            known.update({item.alert.alert_id: item for item in changes.items})
            return changes.cursor

        for what, number, count in steps:
            name = f"al_{number}"
            if what == "machine":
                site = SITES[number % 3]
                place.commit([alert(name, count=count, site=site)])
                there.add((site, name))
            elif what == "people" and there:
                site, name = sorted(there)[number % len(there)]
                revision = desk.get(site, name).handling.revision
                note = HandlingChange(action=Action.NOTE, note=f"note {count}")
                desk.change(site, name, revision, note, "u1", NOW)
            elif what == "read":
                cursor = read()
        while (then := read()) != cursor:
            cursor = then
        current = {name: desk.get(site, name) for site, name in there}
        place.close()
        known.pop("al_start", None)
        assert known == current

    check()


def test_changes_are_those_of_the_sites_one_may_see(place: Place) -> None:
    desk = place.desk()
    place.commit([alert("al_0")])
    cursor = desk.latest_change()
    place.commit([alert(f"al_{n}", site=SITES[n % 3]) for n in range(1, 10)])
    met = set()
    while True:
        changes = desk.changes(cursor, ("shop-2",), 4)
        met |= {item.alert.alert_id for item in changes.items}
        if changes.cursor == cursor:
            break
        cursor = changes.cursor
    assert met == {"al_1", "al_4", "al_7"}
    assert desk.changes(cursor, (), 4).items == []


def test_nothing_that_is_committed_beside_a_reader_is_passed_over(place: Place) -> None:
    place.commit([alert("al_0")])
    reader, writer = place.desk(), place.desk()
    cursor = reader.latest_change()
    over = threading.Event()

    def write() -> None:
        for number in range(1, 25):
            place.commit([alert(f"al_{number}", site=SITES[number % 3])])
            writer.change(SITES[number % 3], f"al_{number}", 0, ACKNOWLEDGE, "u1", NOW)
        over.set()

    known: dict[str, AlertWithHandling] = {}
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while True:
            last = over.is_set() or writing.done()
            changes = reader.changes(cursor, None, 6)
            known |= {item.alert.alert_id: item for item in changes.items}
            if last and changes.cursor == cursor:
                break
            cursor = changes.cursor
        writing.result()
    known.pop("al_0", None)
    assert {name for name, item in known.items() if item.handling.workflow is Workflow.ACKNOWLEDGED} == {
        f"al_{number}" for number in range(1, 25)
    }


def test_the_audit_is_read_in_pages_and_by_site(place: Place) -> None:
    desk = place.desk()
    place.commit([alert("al_1"), alert("al_2", site="shop-2")])
    desk.change("shop-1", "al_1", 0, ACKNOWLEDGE, "u1", NOW)
    desk.change("shop-2", "al_2", 0, ACKNOWLEDGE, "u1", NOW + 1)
    desk.record(
        AuditEntry(id="", at=NOW + 2, by="u9", site="", action="user.create", subject="u1", detail={"a": [1]})
    )
    desk.change("shop-1", "al_1", 1, RESOLVE, "u2", NOW + 3)
    entries, cursor = desk.audit(None, 3, "")
    assert [entry.subject for entry in entries] == ["al_1", "u1", "al_2"]
    assert entries[1].detail == {"a": [1]}
    rest, end = desk.audit(None, 3, cursor)
    assert ([entry.at for entry in rest], end) == ([NOW], "")
    assert [entry.at for entry in desk.audit(("shop-1",), 10, "")[0]] == [NOW + 3, NOW]
    assert desk.audit((), 10, "") == ([], "")


def test_the_sites_are_those_that_have_alerts(place: Place) -> None:
    desk = place.desk()
    place.commit([alert(f"al_{n}", site=site) for n, site in enumerate(SITES)])
    assert desk.sites() == sorted(SITES)
    desk.reachable()
