"""Users of the embedded product, on a real file."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guardian.adapters.embedded.desk_file import DeskFile, desk_path
from guardian.adapters.embedded.users import LINK_LIFE_MS, REFRESH_LIFE_MS, AccountError, Users
from guardian.desk_ports import NotFoundError, Role

PASSWORD = "correct horse battery"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DeskFile]:
    opened = DeskFile(tmp_path / "guardian.db")
    yield opened
    opened.close()


@pytest.fixture
def users(file: DeskFile) -> Users:
    return Users(file)


def add(users: Users, name: str = "ann", role: Role = Role.ADMIN, sites: tuple[str, ...] = ("*",)) -> str:
    return users.add(name, PASSWORD, role, sites, by="test", at=1).user.id


def test_only_the_right_password_opens(users: Users) -> None:
    user_id = add(users)
    assert users.check("ann", PASSWORD) == users.active(user_id)
    for name, password in (("ann", PASSWORD + " "), ("ann", ""), ("Ann", PASSWORD), ("bo", PASSWORD)):
        assert users.check(name, password) is None


def test_who_is_disabled_or_changed_is_logged_out(users: Users) -> None:
    add(users, "boss")
    user_id = add(users, "ann", Role.VIEWER)
    user = users.check("ann", PASSWORD)
    assert user is not None
    token = users.begin(user, 10)
    users.change(user_id, password="another password", by="test", at=11)
    assert users.renew(token, 12) is None
    assert users.check("ann", PASSWORD) is None
    token = users.begin(user, 20)
    users.change(user_id, disabled=True, by="test", at=21)
    assert users.renew(token, 22) is None
    assert users.check("ann", "another password") is None
    assert users.active(user_id) is None


def test_the_last_administrator_cannot_go(users: Users) -> None:
    first = add(users, "ann")
    for change in ({"role": Role.VIEWER}, {"disabled": True}):
        with pytest.raises(AccountError) as refused:
            users.change(first, by="test", at=2, **change)
        assert refused.value.field == "role"
    assert users.active(first).role is Role.ADMIN
    add(users, "bo")
    assert users.change(first, role=Role.VIEWER, by="test", at=2).user.role is Role.VIEWER


def test_a_token_used_twice_ends_every_token_of_its_login_and_of_no_other(users: Users) -> None:
    add(users)
    user = users.check("ann", PASSWORD)
    assert user is not None
    stolen, other = users.begin(user, 10), users.begin(user, 10)
    renewed = users.renew(stolen, 11)
    assert renewed is not None
    assert users.renew(stolen, 12) is None
    assert users.renew(renewed[1], 13) is None
    assert users.renew(other, 14) is not None


def test_of_many_who_renew_at_once_one_gets_a_token(tmp_path: Path) -> None:
    files = [DeskFile(tmp_path / "guardian.db") for _ in range(6)]
    everywhere = [Users(file) for file in files]
    add(everywhere[0])
    user = everywhere[0].check("ann", PASSWORD)
    assert user is not None
    token = everywhere[0].begin(user, 10)
    with ThreadPoolExecutor(len(files)) as pool:
        renewed = [one for one in pool.map(lambda users: users.renew(token, 11), everywhere) if one]
    assert len(renewed) == 1
    for file in files:
        file.close()


def test_a_login_ends_by_itself_however_often_it_was_renewed(users: Users) -> None:
    add(users)
    user = users.check("ann", PASSWORD)
    assert user is not None
    token = users.begin(user, 0)
    for at in range(0, REFRESH_LIFE_MS, REFRESH_LIFE_MS // 4):
        renewed = users.renew(token, at)
        assert renewed is not None
        token = renewed[1]
    assert users.renew(token, REFRESH_LIFE_MS) is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "p" * 201}, "password"),
        ({"sites": ()}, "sites"),
        ({"sites": ("",)}, "sites"),
        ({"name": "ann"}, "name"),
    ],
)
def test_an_account_that_cannot_be(users: Users, given: dict[str, object], field: str) -> None:
    add(users)
    about: dict[str, object] = {"name": "bo", "password": PASSWORD, "role": Role.VIEWER, "sites": ("*",)}
    with pytest.raises(AccountError) as refused:
        users.add(**(about | given), by="test", at=1)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert len(users.list()) == 1
    with pytest.raises(NotFoundError):
        users.change("u_none", disabled=True, by="test", at=1)


def test_nothing_in_the_file_lets_anybody_in(users: Users, file: DeskFile, tmp_path: Path) -> None:
    add(users)
    user = users.check("ann", PASSWORD)
    assert user is not None
    token = users.begin(user, 10)
    path = desk_path(tmp_path / "guardian.db")
    assert path.name == "guardian.desk.db"
    with sqlite3.connect(path) as db:
        dump = "\n".join(db.iterdump())
    db.close()
    assert PASSWORD not in dump
    assert token not in dump
    assert "$argon2id$" in dump
    for one in path.parent.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600, one


def test_the_signing_key_is_the_first_one(users: Users) -> None:
    assert [users.signing_key(key) for key in (b"one", b"two")] == [b"one", b"one"]


def test_a_link_lets_its_user_in_once_and_for_a_minute(file: DeskFile, users: Users) -> None:
    add(users, "boss")
    user_id = add(users, "ann", Role.VIEWER)
    user = users.active(user_id)
    assert user is not None
    token = users.link(user, 1_000)
    assert users.follow(token + "x", 1_000) is None
    assert users.follow(token, 1_000) == user
    assert users.follow(token, 1_000) is None

    late = users.link(user, 1_000)
    assert users.follow(late, 1_000 + LINK_LIFE_MS) is None
    kept = users.link(user, 2_000)
    with file.reading(engine=False) as db:
        rows = db.execute("SELECT digest FROM login_links").fetchall()
    assert len(rows) == 1
    assert kept not in rows[0]
    users.change(user_id, disabled=True, by="test", at=2_001)
    assert users.follow(kept, 2_002) is None
    unknown = users.link(user, 3_000)  # disabled, with a link made after that
    assert users.follow(unknown, 3_001) is None
