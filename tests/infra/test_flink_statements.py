"""What can be told of the Flink statements by reading them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.flink.generate import HERE, INPUTS, SINKS, generated

STATEMENTS = sorted(HERE.glob("*.sql"))
FILES = [*STATEMENTS, *sorted((HERE / "tables").rglob("*.sql"))]


def plain(path: Path) -> str:
    """A file without comments and with its texts emptied."""
    lines = (line for line in path.read_text("utf-8").splitlines() if not line.startswith("--"))
    return re.sub(r"'[^']*'", "''", "\n".join(lines)).strip()


def test_there_is_something_to_check() -> None:
    assert len(STATEMENTS) >= 6
    assert len(FILES) > len(STATEMENTS) + 2 * len(INPUTS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE)))
def test_a_file_is_one_statement(path: Path) -> None:
    text = plain(path)
    assert text.count(";") == 1
    assert text.endswith(";")
    assert "--" not in text
    assert text.count("(") == text.count(")")


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_a_statement_says_what_it_finds_and_what_it_does_not(path: Path) -> None:
    header = path.read_text("utf-8").partition("\nINSERT INTO ")[0]
    assert all(line.startswith("--") for line in header.splitlines())
    assert "\n-- Other than the engine" in header


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_a_statement_reads_and_writes_tables_that_there_are(path: Path) -> None:
    text = plain(path)
    (sink,) = re.findall(r"\AINSERT INTO `([^`]+)`", text)
    assert sink in SINKS
    read = set(re.findall(r"`([^`]+)`", text)) - {sink}
    assert read
    assert read <= set(INPUTS)


def test_tables_are_as_generated() -> None:
    there = {str(path.relative_to(HERE)) for path in (HERE / "tables").rglob("*.sql")} | {"local/tables.sql"}
    assert {name: (HERE / name).read_text("utf-8") for name in there} == generated()
