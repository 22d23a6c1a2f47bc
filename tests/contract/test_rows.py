"""What every `Rows` and `Jobs` must do, over SQLite and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.cloud.firestore import Client
from hypothesis import HealthCheck, given, settings, strategies as st

from guardian.adapters.embedded.desk_file import DeskFile
from guardian.adapters.embedded.jobs import SqliteJobs
from guardian.adapters.embedded.rows import SqliteRows
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.google.firestore_rows import FirestoreJobs, FirestoreRows
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.desk_ports import Job, Jobs, JobState, Rows, StoreUnavailableError
from guardian.engine.plan import HistoryRow, Plan
from guardian.engine.watermark import Watermark
from guardian.ports import StateStore

SITE = "shop"


class Under:
    """What is under contract, and the store that the machine writes to."""

    def __init__(self, rows: Rows, jobs: Jobs, store: StateStore) -> None:
        self.rows = rows
        self.jobs = jobs
        self.store = store

    def keep(self, *kept: HistoryRow) -> None:
        self.store.commit(Plan(history=list(kept)))


@pytest.fixture(params=["sqlite", "firestore"])
def under(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Under]:
    if request.param == "sqlite":
        path = tmp_path / "guardian.db"
        with closing(SqliteStore(path, durable=False)) as store, closing(DeskFile(path)) as file:
            yield Under(SqliteRows(file, SITE), SqliteJobs(file), store)
        return
    request.getfixturevalue("firestore_emulator")
    client = Client(project=f"rows-{uuid.uuid4().hex[:12]}")
    with closing(client), closing(FirestoreStore(client, SITE)) as cloud:
        yield Under(FirestoreRows(client), FirestoreJobs(client), cloud)


def row(name: str, time: int = 1, kind: str = "k", **content: Any) -> HistoryRow:
    return HistoryRow(kind, name, time, content)


def ids(rows: list[HistoryRow]) -> list[str]:
    return [one.id for one in rows]


def test_a_row_is_as_it_was_kept_last(under: Under) -> None:
    under.keep(row("a", 1, units=1), row("a", 1, kind="other", units=9))
    under.keep(row("a", 2, units=2, series=[[1, None, 2]]))

    assert under.rows.get(SITE, "k", "a") == row("a", 2, units=2, series=[[1, None, 2]])
    assert under.rows.get(SITE, "k", "b") is None


def test_another_site_has_none_of_it(under: Under) -> None:
    under.keep(row("a"))

    assert under.rows.sites() == [SITE]
    assert under.rows.get("elsewhere", "k", "a") is None
    assert under.rows.page("elsewhere", "k", prefix="", after="", limit=9) == []
    assert under.rows.newest("elsewhere", "k", 9) == []
    assert under.rows.progress("elsewhere").watermark is None


def test_pages_by_id_and_prefix(under: Under) -> None:
    names = ["WH1/A\x1fP1", "WH1/A\x1fP2", "WH1/B\x1fP1", "WH10/A\x1fP1", "WH2/A\x1fP1", "\x1fSOAP", "ä"]
    under.keep(*(row(name) for name in names), row("WH1/A\x1fP3", kind="other"))

    def page(prefix: str, after: str = "", limit: int = 99) -> list[str]:
        return ids(under.rows.page(SITE, "k", prefix=prefix, after=after, limit=limit))

    assert page("") == sorted(names)
    assert page("WH1/") == names[:3]
    assert page("WH1/A\x1f") == names[:2]
    assert page("WH1/", limit=2) == names[:2]
    assert page("WH1/", after=names[1]) == [names[2]]
    assert page("WH1/", after="WH1/B\x1fP1") == []
    assert page("WH1/", after="A") == names[:3]  # a cursor of before the prefix
    assert page("", after="WH2/A\x1fP1") == ["ä"]
    assert page("nothing") == []


def test_the_newest_first(under: Under) -> None:
    under.keep(row("a", 5), row("b", 7), row("d", 6), row("c", 6), row("x", 9, kind="other"))

    assert ids(under.rows.newest(SITE, "k", 1)) == ["b"]
    found = under.rows.newest(SITE, "k", 99)
    assert [one.time for one in found] == [7, 6, 6, 5]
    assert {one.id for one in found} == {"a", "b", "c", "d"}


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.sets(st.text("ab/\x1f\u00e4\U0001f600", min_size=1, max_size=4), max_size=25),
    st.text("ab/", max_size=2),
    st.integers(1, 7),
)
def test_walking_all_pages_gives_every_row_once_in_order(
    under: Under, names: set[str], prefix: str, limit: int
) -> None:
    kind = uuid.uuid4().hex
    if names:
        under.keep(*(row(name, kind=kind) for name in names))
    found: list[str] = []
    after = ""
    while page := under.rows.page(SITE, kind, prefix=prefix, after=after, limit=limit):
        assert len(page) <= limit
        found += ids(page)
        after = page[-1].id

    assert found == sorted(name for name in names if name.startswith(prefix))


def test_progress(under: Under) -> None:
    assert under.rows.progress(SITE).watermark is None

    watermark = msgspec.msgpack.encode(Watermark(5_000, newest=1_000_000))
    plan = Plan(history=[row("S1", 995_000, kind="stations")], watermark=watermark)
    plan.counters["events.pos-transactions"] = 7
    under.store.commit(plan)

    progress = under.rows.progress(SITE)
    assert progress.watermark == 995_000
    if isinstance(under.rows, SqliteRows):
        assert progress.counters == {"events.pos-transactions": 7}
    else:
        assert progress.counters == {}


def test_a_job_is_as_it_was_put_last(under: Under) -> None:
    job = Job(id="j1", kind="reconcile", by="ann", sites=(SITE,), asked_at=1)
    assert under.jobs.get("j1") is None
    under.jobs.put(job)
    assert under.jobs.get("j1") == job
    done = msgspec.structs.replace(job, state=JobState.DONE, ended_at=2, result={"places": [{"units": 1}]})
    under.jobs.put(done)
    assert under.jobs.get("j1") == done


def test_only_the_latest_jobs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardian.adapters.embedded.jobs.KEPT", 3)
    with closing(DeskFile(tmp_path / "guardian.db")) as file:
        jobs = SqliteJobs(file)
        for number in range(5):
            jobs.put(Job(id=f"j{number}", kind="k", by="ann", sites=(), asked_at=number))
        assert [number for number in range(5) if jobs.get(f"j{number}")] == [2, 3, 4]


def test_without_the_engines_file_the_store_is_unavailable(tmp_path: Path) -> None:
    with closing(DeskFile(tmp_path / "guardian.db")) as file:
        rows = SqliteRows(file, SITE)
        with pytest.raises(StoreUnavailableError):
            rows.newest(SITE, "k", 1)
