"""The key file: for its owner alone, and never half written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from guardian.adapters.embedded.key_file import KeyFile
from guardian.ports import KeyStore, KeyStoreError
from guardian.qr.keys import KeyRing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "guardian.keys"


def ring(*numbers: int) -> KeyRing:
    made = KeyRing()
    for number in numbers:
        made.add(bytes([number]) * 32, created_at=number)
    return made


def test_what_is_saved_is_loaded(path: Path) -> None:
    store: KeyStore = KeyFile(path)
    store.save(ring(1, 2))
    assert KeyFile(path).load() == ring(1, 2)


def test_only_the_owner_may_read_it_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        store = KeyFile(path)
        store.save(ring(1))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        store.save(ring(1, 2))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622, 0o610, 0o601, 0o666])
def test_a_file_that_others_can_use_is_refused(path: Path, mode: int) -> None:
    KeyFile(path).save(ring(1))
    path.chmod(mode)
    with pytest.raises(KeyStoreError, match="others"):
        KeyFile(path).load()
    path.chmod(0o600)
    KeyFile(path).load()


def test_an_existing_ring_is_not_replaced_by_a_new_one(path: Path) -> None:
    KeyFile(path).save(ring(1))
    with pytest.raises(KeyStoreError, match="exists"):
        KeyFile(path).save(ring(2))
    assert KeyFile(path).load() == ring(1)


def test_two_changes_at_the_same_time_lose_no_key(path: Path) -> None:
    KeyFile(path).save(ring(1))
    one, other = KeyFile(path), KeyFile(path)
    first, second = one.load(), other.load()
    first.add(b"a" * 32, created_at=2)
    second.add(b"b" * 32, created_at=2)
    one.save(first)
    with pytest.raises(KeyStoreError, match="meanwhile"):
        other.save(second)
    assert KeyFile(path).load() == first
    third = other.load()
    third.add(b"b" * 32, created_at=3)
    other.save(third)
    assert KeyFile(path).load() == third


def test_a_ring_that_was_deleted_meanwhile_is_not_brought_back(path: Path) -> None:
    KeyFile(path).save(ring(1))
    store = KeyFile(path)
    loaded = store.load()
    path.unlink()
    with pytest.raises(KeyStoreError, match="meanwhile"):
        store.save(loaded)
    assert not path.exists()


def test_a_failed_save_leaves_everything_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KeyFile(path).save(ring(1))
    store = KeyFile(path)
    store.load()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyStoreError, match="No space left"):
        store.save(ring(1, 2))
    monkeypatch.undo()
    assert KeyFile(path).load() == ring(1)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    store.save(ring(1, 2))


@pytest.mark.parametrize(
    "content", [b"", b"{}x", b"{", b'{"keys":[{"key_id":"x","seed":"AAAA","created_at":1}]}']
)
def test_what_is_no_ring_is_refused(path: Path, content: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(KeyStoreError, match="not a key file"):
        KeyFile(path).load()


def test_what_is_no_file_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError, match="no such key file"):
        KeyFile(path).load()
    with pytest.raises(KeyStoreError):
        KeyFile(tmp_path).load()
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyStoreError, match="not a file"):
        KeyFile(path).load()
    with pytest.raises(KeyStoreError):
        KeyFile(tmp_path / "nowhere" / "keys").save(ring(1))


def test_a_large_file_is_not_read_whole(path: Path) -> None:
    path.touch(0o600)
    path.write_bytes(b" " * (2 << 20))
    with pytest.raises(KeyStoreError, match="too large"):
        KeyFile(path).load()


def test_errors_show_nothing_of_a_damaged_ring(path: Path) -> None:
    KeyFile(path).save(ring(1))
    seed = ring(1).keys[0].seed
    path.write_text(path.read_text("utf-8").replace(seed, seed + "!"), "utf-8")
    with pytest.raises(KeyStoreError) as raised:
        KeyFile(path).load()
    assert seed not in str(raised.value)
    assert raised.value.__cause__ is None
