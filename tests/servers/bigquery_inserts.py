"""A server that speaks BigQuery's insertAll, takes what fits the tables' schemas, and fails as it is told to.

It keeps rows as they came, repetitions included, so what was written twice can be seen. Who tests answers the
questions.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from guardian.adapters.history.fields import Field
from guardian.adapters.history.tables import TABLES

PROJECT = "guardian-test"
DATASET = f"{PROJECT}.history"

_KINDS: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "INT64": (int,),
    "FLOAT64": (int, float),
    "BOOL": (bool,),
    "TIMESTAMP": (str,),
    "DATETIME": (str,),
    "DATE": (str,),
    "RECORD": (dict,),
}


class Inserted(msgspec.Struct, frozen=True):
    """A row that was taken."""

    insert_id: str
    content: dict[str, Any]


class Fault(msgspec.Struct, frozen=True):
    """How one request goes wrong.

    status: what is answered instead. taken: rows are taken nevertheless, and nobody is told. wait_s: before
    anything else. cut: the connection ends without an answer. answered: cut in the middle of one.
    reason: each row is not taken, and this is why.
    """

    status: int = 200
    taken: bool = False
    wait_s: float = 0.0
    cut: bool = False
    answered: bool = False
    reason: str = ""


GOOD = Fault()

QUERIES = "queries"
"""For `fault`, in place of a table: a question."""

Columns = dict[str, str]
"""Name and type of each."""
Asked = Callable[[str, dict[str, Any]], tuple[Columns, list[list[Any]]]]
"""From a question and its parameters to columns and rows. Times are microseconds since the epoch."""


class BigQueryInserts:
    """rows: by table, what was taken. fault: what happens to a request for a table; asked for each.
    refuse: why a row is not taken; empty: it is. requests: by table and status, how many there were; cut ones
    have 0. ask: answers questions; bodies: those that came. wrong: what went wrong here."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rows: defaultdict[str, list[Inserted]] = defaultdict(list)
        self.fault: Callable[[str], Fault] = lambda table: GOOD
        self.refuse: Callable[[str, dict[str, Any]], str] = lambda table, row: ""
        self.ask: Asked = lambda sql, parameters: ({}, [])
        self.bodies: list[dict[str, Any]] = []
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.wrong: list[BaseException] = []
        self.lock = threading.Lock()

    def ids(self, table: str) -> dict[str, str]:
        """By event, the insert id under which it is there. Fails if there is more than one."""
        with self.lock:
            rows = list(self.rows[table])
        key = TABLES[table].key[-1]
        found: dict[str, str] = {}
        for row in rows:
            assert found.setdefault(row.content[key], row.insert_id) == row.insert_id
        return found

    def contents(self, table: str) -> list[dict[str, Any]]:
        """What is there, each insert id once, in order of arrival."""
        with self.lock:
            return list({row.insert_id: row.content for row in self.rows[table]}.values())

    def insert(self, table: str, rows: Sequence[dict[str, Any]], reason: str) -> list[dict[str, Any]]:
        """Takes what fits; the errors of the rest."""
        errors = []
        with self.lock:
            for index, row in enumerate(rows):
                told = (
                    [("", reason, reason)] if reason else list(_faults(TABLES[table].fields, row["json"], ""))
                )
                if not told and (why := self.refuse(table, row["json"])):
                    told = [("", "invalid", why)]
                if told:
                    about = [{"location": at, "reason": kind, "message": why} for at, kind, why in told]
                    errors.append({"index": index, "errors": about})
                else:
                    self.rows[table].append(Inserted(row["insertId"], row["json"]))
        return errors


def _parameter(one: dict[str, Any]) -> Any:
    kind, value = one["parameterType"]["type"], one["parameterValue"]
    if kind == "ARRAY":
        return [each["value"] for each in value["arrayValues"]]
    return datetime.fromisoformat(value["value"]) if kind == "TIMESTAMP" else value["value"]


def _faults(fields: Sequence[Field], row: dict[str, Any], path: str) -> Iterator[tuple[str, str, str]]:
    known = {field.name: field for field in fields}
    for name in row.keys() - known.keys():
        yield f"{path}{name}", "invalid", "no such field"
    for name, field in known.items():
        value = row.get(name)
        if value is None:
            if field.mode == "REQUIRED":
                yield f"{path}{name}", "invalid", "Missing required field"
            continue
        if (field.mode == "REPEATED") != isinstance(value, list):
            yield f"{path}{name}", "invalid", "Array specified for non-repeated field, or the reverse"
            continue
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, _KINDS[field.type]) or (field.type == "INT64" and abs(one) >= 2**63):
                yield f"{path}{name}", "invalid", f"Cannot convert value to {field.type}"
            elif field.type == "RECORD":
                yield from _faults(field.fields, one, f"{path}{name}.")


@contextmanager
def running() -> Iterator[BigQueryInserts]:
    """A server on a free loopback port; its address is for BIGQUERY_EMULATOR_HOST."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            content = self.rfile.read(length)
            if len(content) < length:
                raise ConnectionError("whoever asked has been killed")
            body = json.loads(content)
            if self.path.startswith(f"/bigquery/v2/projects/{PROJECT}/{QUERIES}"):
                self._asked(body)
                return
            *_, project, _, dataset, _, table, verb = self.path.split("?")[0].split("/")
            assert (f"{project}.{dataset}", verb) == (DATASET, "insertAll"), self.path
            assert body["skipInvalidRows"] is True
            assert not body["ignoreUnknownValues"]
            fault = made.fault(table)
            made.requests[table, 0 if fault.cut else fault.status] += 1
            if fault.wait_s:
                time.sleep(fault.wait_s)
            errors = []
            if fault.status == 200 and (not fault.cut or fault.taken):
                errors = made.insert(table, body["rows"], fault.reason)
            answer: dict[str, Any] = {"kind": "bigquery#tableDataInsertAllResponse"}
            if errors:
                answer["insertErrors"] = errors
            if fault.status != 200:
                reason = {429: "rateLimitExceeded", 503: "backendError"}.get(fault.status, "invalid")
                answer = {
                    "error": {"code": fault.status, "message": "no", "errors": [{"reason": reason}]},
                }
            self._answer(fault, json.dumps(answer).encode())

        def _asked(self, body: dict[str, Any]) -> None:
            fault = made.fault(QUERIES)
            made.requests[QUERIES, 0 if fault.cut else fault.status] += 1
            made.bodies.append(body)
            time.sleep(fault.wait_s)
            parameters = {one["name"]: _parameter(one) for one in body.get("queryParameters", [])}
            columns, rows = made.ask(body["query"], parameters) if fault.status == 200 else ({}, [])
            answer = {
                "kind": "bigquery#queryResponse",
                "schema": {"fields": [{"name": name, "type": kind} for name, kind in columns.items()]},
                "jobReference": {"projectId": PROJECT, "jobId": "job"},
                "jobComplete": True,
                "totalRows": str(len(rows)),
                "rows": [{"f": [{"v": value} for value in row]} for row in rows],
            }
            if fault.status != 200:
                answer = {"error": {"code": fault.status, "message": "no", "errors": []}}
            self._answer(fault, json.dumps(answer).encode())

        def _answer(self, fault: Fault, content: bytes) -> None:
            try:
                if not fault.cut or fault.answered:
                    self.send_response(fault.status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content[:10] if fault.cut else content)
                if fault.cut:
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
            except OSError:
                pass  # whoever asked has been killed

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever asks may have been killed; all else is a mistake."""
            if not isinstance(error := sys.exc_info()[1], OSError) and error is not None:
                made.wrong.append(error)

    server = Server(("127.0.0.1", 0), Handler)
    made = BigQueryInserts(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert made.wrong == []
