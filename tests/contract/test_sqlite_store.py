"""What is particular to the SQLite store."""

from __future__ import annotations

import hashlib
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from guardian.adapters.embedded import sqlite_store
from guardian.adapters.embedded.sqlite_store import SchemaError, SqliteStore
from guardian.engine.plan import Plan, StateWrite
from guardian.engine.state import NEVER
from guardian.events.model import Rejected
from guardian.ports import StateStore
from tests.contract.committer import example_alert, numbered


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "guardian.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, durable=False)
    yield opened
    opened.close()


def test_it_is_a_state_store(store: SqliteStore) -> None:
    port: StateStore = store
    assert port.load("d", "k") is None


def test_only_the_owner_may_read_the_files(path: Path) -> None:
    store = SqliteStore(path)
    store.commit(numbered(1))
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["guardian.db", "guardian.db-shm", "guardian.db-wal"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    store.close()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 1)])
def test_durable_says_how_commits_are_synced(path: Path, durable: bool, synchronous: int) -> None:
    store = SqliteStore(str(path), durable=durable)
    assert store._db.execute("PRAGMA synchronous").fetchone() == (synchronous,)
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._db.execute("PRAGMA user_version").fetchone() == (len(sqlite_store.MIGRATIONS),)
    store.close()


@pytest.mark.parametrize("version", [99, -1])
def test_an_unknown_schema_version_is_refused(path: Path, version: int) -> None:
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(SchemaError, match=rf"guardian.db: schema version {version}, .* only up to 3"):
        SqliteStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, 1])
def test_another_programs_database_is_refused_and_left_alone(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE state (x)")
        db.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(SchemaError, match="not one of Business Guardian"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("alert_id,type\n" * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        SqliteStore(path)


def test_an_older_schema_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(path)
    store.commit(numbered(1))
    store.close()
    added = ("ALTER TABLE alerts ADD COLUMN assignee TEXT", "CREATE TABLE extra (x)")
    monkeypatch.setattr(sqlite_store, "MIGRATIONS", (*sqlite_store.MIGRATIONS, added))
    store = SqliteStore(path)
    assert store._db.execute("PRAGMA user_version").fetchone() == (len(sqlite_store.MIGRATIONS),)
    assert store._db.execute("SELECT alert_id, assignee FROM alerts ORDER BY 1").fetchall() == [
        ("al-1", None),
        ("growing", None),
    ]
    store.close()


def test_a_file_of_the_first_schema_gets_an_outbox_and_numbers_its_alerts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_store, "MIGRATIONS", sqlite_store.MIGRATIONS[:1])
        old = SqliteStore(path)
        old.commit(msgspec.structs.replace(numbered(1), alerts={}))
        for alert_id in ("b", "a"):
            doc = msgspec.json.encode(example_alert(alert_id)).decode()
            old._db.execute(
                "INSERT INTO alerts VALUES (?, 't', 'low', 's', 's', 1, 1, ?, 1, 'open', '')", (alert_id, doc)
            )
        old.close()
    store = SqliteStore(path, outbox=True)
    assert store.counters()["plans"] == 1
    assert store.pending(10) == []
    store.commit(Plan(alerts={"b": example_alert("b", count=2)}))
    assert store._db.execute("SELECT alert_id, changed FROM alerts ORDER BY 1").fetchall() == [
        ("a", 2),
        ("b", 3),
    ]
    store.sent([row.id for row in store.pending(10)])
    store.commit(Plan(alerts={"a": example_alert("a")}))
    assert [row.alert.alert_id for row in store.pending(10)] == ["a"]
    store.close()


def test_without_an_outbox_nothing_gathers_in_it(store: SqliteStore) -> None:
    store.commit(numbered(1))
    assert store.pending(10) == []


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqliteStore(path).close()
    with monkeypatch.context() as patched:
        patched.setattr(
            sqlite_store, "MIGRATIONS", (*sqlite_store.MIGRATIONS, ("CREATE TABLE extra (x)", "NONSENSE"))
        )
        with pytest.raises(sqlite3.OperationalError):
            SqliteStore(path)
    store = SqliteStore(path)
    assert store._db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").fetchone() == (0,)
    store.close()


def test_many_may_create_the_file_at_once(path: Path) -> None:
    start, failed = threading.Barrier(8), list[BaseException]()

    def create(me: int) -> None:
        try:
            start.wait()
            store = SqliteStore(path)
            store.commit(Plan(counters=Counter(n=1), states=[StateWrite("d", str(me), b"", NEVER, 1, 0)]))
            store.close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=create, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    store = SqliteStore(path)
    assert store.counters() == {"n": 8}
    store.close()


def test_another_process_reads_while_we_write(path: Path, store: SqliteStore) -> None:
    store.commit(numbered(1))
    reader = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True, isolation_level=None)\n"
        "db.execute('BEGIN')\n"
        "for line in sys.stdin:\n"
        "    print(*db.execute('SELECT count(*) FROM quarantine').fetchone(), flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", reader, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "1\n"
        for n in range(2, 5):
            store.commit(numbered(n))
        process.stdin.close()
    assert process.returncode == 0
    assert store.counters()["plans"] == 4


@pytest.mark.parametrize("over", [0, 1])
def test_a_huge_original_is_cut_and_says_so(store: SqliteStore, over: int) -> None:
    raw = b"\xff{" * (8 * 1024 * 1024) + b"x" * over
    store.commit(Plan(rejected=[Rejected("t", "f", "too large", "feed", 1, raw)]))
    (record,) = store.quarantine()
    if over:
        assert record.raw == raw[: 1024 * 1024]
        digest = hashlib.sha256(raw).hexdigest()
        assert record.reason == (
            f"too large [only the first 1048576 of 16777217 bytes are kept, SHA-256 {digest}]"
        )
    else:
        assert record == Rejected("t", "f", "too large", "feed", 1, raw)


def test_an_alerts_revision_rises_when_the_alert_changes(store: SqliteStore) -> None:
    def revision() -> int:
        (found,) = store._db.execute("SELECT revision FROM alerts").fetchone()
        return int(found)

    for count, expected in ((1, 1), (1, 1), (2, 2), (2, 2), (1, 3)):
        store.commit(Plan(alerts={"a": example_alert("a", count=count)}))
        assert revision() == expected
    store._db.execute("UPDATE alerts SET workflow = 'resolved'")
    assert revision() == 3


def test_an_error_while_writing_leaves_nothing_behind_and_the_store_usable(store: SqliteStore) -> None:
    plan = numbered(1)
    plan.positions["\udcff"] = b"no text"
    with pytest.raises(UnicodeEncodeError):
        store.commit(plan)
    assert store.load("hot", "k0") is None
    assert store.counters() == {}
    store.commit(numbered(1))
    assert store.counters()["plans"] == 1


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        (sqlite_store._LOAD, 2),
        (sqlite_store._DUE, 1),
        (sqlite_store._KEYS, 2),
        (sqlite_store._VERSION, 2),
        (sqlite_store._ANY_STALE, 2),
        (sqlite_store._STALEST, 5),
        (sqlite_store._IDLEST, 2),
        (sqlite_store._COUNT, 0),
        (sqlite_store._REPLACE, 6),
        (sqlite_store._REPLACE_CHUNK, 6 * sqlite_store._CHUNK),
    ],
)
@pytest.mark.parametrize("analysed", [False, True])
def test_the_statements_of_the_hot_path_use_indexes(
    store: SqliteStore, sql: str, values: int, analysed: bool
) -> None:
    if analysed:
        store.commit(numbered(1))
        store._db.execute("ANALYZE")
    plan = [row[3] for row in store._db.execute("EXPLAIN QUERY PLAN " + sql, [1] * values)]
    of_state = [step for step in plan if "state" in step]
    assert of_state
    assert all("INDEX" in step for step in of_state), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


def test_sweeping_with_nothing_to_do_takes_no_write_lock(path: Path, store: SqliteStore) -> None:
    store.commit(numbered(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.sweep(0, {"hot": 1000}, 100) == (0, [])
        other.execute("ROLLBACK")
