"""The embedded product's users: their passwords, and the tokens that keep them logged in."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from functools import cache
from typing import Any, Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from guardian.adapters.embedded.desk import record
from guardian.adapters.embedded.desk_file import DeskFile
from guardian.desk_ports import AuditEntry, NotFoundError, Role, User

SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 200
LONGEST_NAME: Final = 100
MOST_SITES: Final = 100
REFRESH_LIFE_MS: Final = 7 * 24 * 3_600_000
"""How long somebody stays logged in without the password."""
LINK_LIFE_MS: Final = 60_000
"""How long a link that logs in is good for, unless it is used before."""

_SIGNING_KEY: Final = "signing-key"
_COLUMNS: Final = "id, name, role, sites, disabled, created_at"


class Account(msgspec.Struct, frozen=True):
    """A user as the administrator sees them. created_at: epoch milliseconds."""

    user: User
    disabled: bool
    created_at: int


class AccountError(ValueError):
    """An account that cannot be made or changed like this. field: which part is at fault."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class Users:
    """Users and their refresh tokens in the desk's file. For many threads."""

    def __init__(self, file: DeskFile) -> None:
        """file: the caller's, who closes it."""
        self._file = file

    # --- Accounts

    def add(
        self, name: str, password: str, role: Role, sites: tuple[str, ...], *, by: str, at: int
    ) -> Account:
        """A new user. Raises AccountError."""
        name = name.strip()
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise AccountError("name", f"expected 1 to {LONGEST_NAME} printable characters")
        _check_sites(sites)
        hashed = _hash(password)
        user = User(id=f"u_{secrets.token_hex(8)}", name=name, role=role, sites=sites)
        try:
            with self._file.writing() as db:
                db.execute(
                    "INSERT INTO users (id, name, role, sites, password, created_at)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (user.id, name, role.value, _encode(sites), hashed, at),
                )
                detail = {"name": name, "role": role.value, "sites": sites}
                record(db, _entry(by, at, "user.create", user.id, detail))
        except sqlite3.IntegrityError:
            raise AccountError("name", "there is a user of this name") from None
        return Account(user, False, at)

    def change(
        self,
        user_id: str,
        *,
        by: str,
        at: int,
        role: Role | None = None,
        sites: tuple[str, ...] | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> Account:
        """Changes what is given. Whoever loses rights or gets a password has to log in again.

        Raises AccountError, NotFoundError.
        """
        if sites is not None:
            _check_sites(sites)
        hashed = None if password is None else _hash(password)
        with self._file.writing() as db:
            before = _one(db, "id = ?", user_id)
            user = msgspec.structs.replace(
                before.user,
                role=before.user.role if role is None else role,
                sites=before.user.sites if sites is None else sites,
            )
            after = Account(user, before.disabled if disabled is None else disabled, before.created_at)
            db.execute(
                "UPDATE users SET role = ?, sites = ?, disabled = ?, password = coalesce(?, password)"
                " WHERE id = ?",
                (user.role.value, _encode(user.sites), after.disabled, hashed, user_id),
            )
            admins = db.execute("SELECT count(*) FROM users WHERE role = 'admin' AND NOT disabled")
            if before.user.role is Role.ADMIN and not before.disabled and admins.fetchone() == (0,):
                raise AccountError("role", "nobody would be left to administer users")
            db.execute("DELETE FROM refresh_tokens WHERE user_id = ?", (user_id,))
            db.execute("DELETE FROM login_links WHERE user_id = ?", (user_id,))
            detail = {
                "role": user.role.value,
                "sites": user.sites,
                "disabled": after.disabled,
                "password": hashed is not None,
            }
            record(db, _entry(by, at, "user.change", user_id, detail))
        return after

    def list(self) -> list[Account]:
        """Every user, by name."""
        with self._file.reading(engine=False) as db:
            return [_account(row) for row in db.execute(f"SELECT {_COLUMNS} FROM users ORDER BY name")]  # noqa: S608

    def named(self, name: str) -> Account:
        """The user of this name. Raises NotFoundError."""
        with self._file.reading(engine=False) as db:
            return _one(db, "name = ?", name)

    def active(self, user_id: str) -> User | None:
        """The user, unless they may no longer come in."""
        try:
            with self._file.reading(engine=False) as db:
                account = _one(db, "id = ?", user_id)
        except NotFoundError:
            return None
        return None if account.disabled else account.user

    # --- Logging in

    def check(self, name: str, password: str) -> User | None:
        """The user with this name and password. Takes as long for a name that nobody has."""
        sql = f"SELECT {_COLUMNS}, password FROM users WHERE name = ?"  # noqa: S608
        with self._file.reading(engine=False) as db:
            row = db.execute(sql, (name.strip(),)).fetchone()
        hashed = _nobodys_hash() if row is None else row[-1]
        try:
            _hasher().verify(hashed, password)
        except VerificationError:
            return None
        if row is None or (account := _account(row[:-1])).disabled:
            return None
        return account.user

    def begin(self, user: User, at: int) -> str:
        """A refresh token for somebody who has just logged in."""
        with self._file.writing() as db:
            db.execute("DELETE FROM refresh_tokens WHERE expires_at < ?", (at,))
            record(db, _entry(user.id, at, "auth.login", user.id, {}))
            return _new_token(db, secrets.token_hex(16), user.id, at + REFRESH_LIFE_MS)

    def renew(self, token: str, at: int) -> tuple[User, str] | None:
        """The user of a refresh token, and the token that takes its place.

        A token that has been used before may have been stolen: whoever has any token that came from the same
        login is logged out.
        """
        with self._file.writing() as db:
            row = db.execute(
                "SELECT family, user_id, expires_at, used FROM refresh_tokens WHERE digest = ?",
                (_digest(token),),
            ).fetchone()
            if row is None:
                return None
            family, user_id, expires_at, used = row
            if used or expires_at <= at:
                _end(db, family)
                if used:
                    record(db, _entry(user_id, at, "auth.token_used_again", user_id, {}))
                return None
            try:
                account = _one(db, "id = ?", user_id)
            except NotFoundError:
                return None
            if account.disabled:
                return None
            db.execute("UPDATE refresh_tokens SET used = 1 WHERE digest = ?", (_digest(token),))
            return account.user, _new_token(db, family, user_id, expires_at)

    def end(self, token: str) -> None:
        """Logs out whoever came in by the login that this token is from."""
        with self._file.writing() as db:
            row = db.execute(
                "SELECT family FROM refresh_tokens WHERE digest = ?", (_digest(token),)
            ).fetchone()
            if row is not None:
                _end(db, row[0])

    # --- Links that log in

    def link(self, user: User, at: int) -> str:
        """A token that lets whoever has it come in as this user, once and within a minute.

        Only who can write to the desk's file can have one made: there is no endpoint for it. What is kept of
        it is its digest.
        """
        token = secrets.token_urlsafe(32)
        with self._file.writing() as db:
            db.execute("DELETE FROM login_links WHERE expires_at <= ?", (at,))
            row = _digest(token), user.id, at + LINK_LIFE_MS
            db.execute("INSERT INTO login_links (digest, user_id, expires_at) VALUES (?, ?, ?)", row)
        return token

    def follow(self, token: str, at: int) -> User | None:
        """The user of a link's token, which is used up by this, whatever comes of it."""
        with self._file.writing() as db:
            row = db.execute(
                "DELETE FROM login_links WHERE digest = ? RETURNING user_id, expires_at", (_digest(token),)
            ).fetchone()
        return None if row is None or row[1] <= at else self.active(row[0])

    # --- The key of access tokens

    def signing_key(self, made: bytes) -> bytes:
        """The key that access tokens are signed with: the first that was ever offered."""
        with self._file.writing() as db:
            db.execute("INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING", (_SIGNING_KEY, made))
            row = db.execute("SELECT value FROM secrets WHERE name = ?", (_SIGNING_KEY,)).fetchone()
        return bytes(row[0])


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError("password", f"expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return _hasher().hash(password)


@cache
def _hasher() -> PasswordHasher:
    """Argon2id, 19 MiB a login: several at a time must not fill a small machine."""
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_hex(16))


def _check_sites(sites: tuple[str, ...]) -> None:
    if not 0 < len(sites) <= MOST_SITES or not all(0 < len(site) <= LONGEST_NAME for site in sites):
        raise AccountError("sites", f"expected 1 to {MOST_SITES} names of sites, or *")


def _one(db: sqlite3.Connection, condition: str, value: str) -> Account:
    row = db.execute(f"SELECT {_COLUMNS} FROM users WHERE {condition}", (value,)).fetchone()  # noqa: S608
    if row is None:
        raise NotFoundError("no such user")
    return _account(row)


def _account(row: tuple[Any, ...]) -> Account:
    user_id, name, role, sites, disabled, created_at = row
    user = User(id=user_id, name=name, role=Role(role), sites=tuple(msgspec.json.decode(sites)))
    return Account(user, bool(disabled), created_at)


def _encode(sites: tuple[str, ...]) -> str:
    return msgspec.json.encode(sites).decode()


def _new_token(db: sqlite3.Connection, family: str, user_id: str, expires_at: int) -> str:
    token = secrets.token_urlsafe(32)
    db.execute(
        "INSERT INTO refresh_tokens (digest, family, user_id, expires_at) VALUES (?, ?, ?, ?)",
        (_digest(token), family, user_id, expires_at),
    )
    return token


def _end(db: sqlite3.Connection, family: str) -> None:
    db.execute("DELETE FROM refresh_tokens WHERE family = ?", (family,))


def _digest(token: str) -> str:
    """What is kept of a token: of no use to somebody who reads the file."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _entry(by: str, at: int, action: str, subject: str, detail: dict[str, Any]) -> AuditEntry:
    return AuditEntry(id="", at=at, by=by, site="", action=action, subject=subject, detail=detail)
