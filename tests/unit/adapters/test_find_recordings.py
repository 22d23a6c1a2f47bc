"""Which files are recordings, of which stream, and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.adapters.embedded.files import (
    Recording,
    RecordingError,
    find_catalogue,
    find_recordings,
    source_names,
)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_folder_gives_its_recordings_in_order_of_their_names(tmp_path: Path) -> None:
    for name in ("rfid_readings.jsonl", "a.jsonl", "README.md", "sub/pos_transactions.jsonl"):
        touch(tmp_path / name)
    touch(tmp_path / "x.jsonl" / "not-a-file")
    assert find_recordings([tmp_path]) == [
        Recording(tmp_path / "a.jsonl", None),
        Recording(tmp_path / "rfid_readings.jsonl", "rfid-readings"),
    ]


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("qr-code-scans.jsonl", "qr-code-scans"),
        ("inventory_snapshots.jsonl", "inventory-snapshots"),
        ("POS_Transactions.jsonl", "pos-transactions"),
        ("shop.jsonl", None),
        ("dump.txt", None),
    ],
)
def test_the_name_of_a_file_tells_its_stream(tmp_path: Path, name: str, topic: str | None) -> None:
    path = touch(tmp_path / name)
    assert find_recordings([path]) == [Recording(path, topic)]


def test_nothing_is_taken_twice(tmp_path: Path) -> None:
    path = touch(tmp_path / "a.jsonl")
    assert find_recordings(["-", tmp_path, path, tmp_path / "." / "a.jsonl", Path("-")]) == [
        Recording(None),
        Recording(path),
    ]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "missing", "no such file or folder"),
        (lambda folder: folder, "no recording"),
        (lambda folder: touch(folder / "a.jsonl") / "b", "Not a directory"),
        (lambda folder: touch(folder / "a.jsonl.gz"), "zcat"),
        (lambda folder: touch(folder / "products_list.csv"), "a table"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path: Path, make, says: str) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    with pytest.raises(RecordingError, match=says) as raised:
        find_recordings([path])
    assert str(path) in str(raised.value)


def test_the_catalogue_lies_in_a_folder_given(tmp_path: Path) -> None:
    recording = touch(tmp_path / "a" / "a.jsonl")
    assert find_catalogue(["-", recording, recording.parent]) is None
    catalogue = touch(tmp_path / "a" / "products.csv")
    assert find_catalogue(["-", recording, recording.parent]) == catalogue
    better = touch(tmp_path / "a" / "products_list.csv")
    assert find_catalogue([recording.parent]) == better


def test_names_are_as_short_as_they_can_be_while_unique() -> None:
    paths = [Path("/a/x/t.jsonl"), Path("/b/x/t.jsonl"), Path("/b/y/t.jsonl"), Path("/b/y/u.jsonl"), None]
    assert source_names([Recording(path) for path in paths]) == [
        "a/x/t.jsonl",
        "b/x/t.jsonl",
        "y/t.jsonl",
        "u.jsonl",
        "stdin",
    ]
    assert source_names([]) == []
