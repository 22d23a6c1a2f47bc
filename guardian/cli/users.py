"""`guardian users`: who may use the embedded product's API and dashboard."""

from __future__ import annotations

import getpass
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from guardian.desk_ports import ALL_SITES, NotFoundError, Role, StoreUnavailableError
from guardian.runtime.settings import SettingsError

if TYPE_CHECKING:
    from guardian.adapters.embedded.users import Users

app = typer.Typer(help="Users of the API and the dashboard.", no_args_is_help=True)

DbOption = Annotated[Path, typer.Option(help="The engine's file; users are kept beside it.")]
PasswordOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
GenerateOption = Annotated[bool, typer.Option("--generate", help="Make a password up, and show it once.")]

_BY = "command line"


@app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(help="What the user is called.")],
    role: Annotated[Role, typer.Option(help="What the user may do.")] = Role.VIEWER,
    site: Annotated[list[str] | None, typer.Option(help="A site the user may see; default: all.")] = None,
    db: DbOption = Path("guardian.db"),
    password_stdin: PasswordOption = False,
    generate: GenerateOption = False,
) -> None:
    """Adds a user. The password is asked for; without a terminal, one is made up."""
    with _users(db) as users:
        password, shown = _password(password_stdin, generate)
        sites = tuple(site) if site else (ALL_SITES,)
        account = users.add(name, password, role, sites, by=_BY, at=_now())
        typer.echo(f"added {account.user.name} ({account.user.role.value}), id {account.user.id}")
        if shown:
            typer.echo(f"password: {password}")


@app.command("list")
def list_command(db: DbOption = Path("guardian.db")) -> None:
    """Lists the users."""
    table = Table("name", "role", "sites", "id", "")
    with _users(db) as users:
        for account in users.list():
            user = account.user
            table.add_row(
                user.name,
                user.role.value,
                ", ".join(user.sites),
                user.id,
                "disabled" if account.disabled else "",
            )
    Console().print(table)


@app.command("passwd")
def passwd_command(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    db: DbOption = Path("guardian.db"),
    password_stdin: PasswordOption = False,
    generate: GenerateOption = False,
) -> None:
    """Gives a user another password, and logs them out everywhere."""
    with _users(db) as users:
        user_id = users.named(name).user.id
        password, shown = _password(password_stdin, generate)
        users.change(user_id, password=password, by=_BY, at=_now())
        typer.echo(f"changed the password of {name}")
        if shown:
            typer.echo(f"password: {password}")


@contextmanager
def _users(db: Path) -> Iterator[Users]:
    try:
        from guardian.adapters.embedded.desk_file import DeskFile
        from guardian.adapters.embedded.users import AccountError, Users
    except ImportError as error:
        raise SettingsError(f"users need the extra `api`: {error}") from None
    if not db.absolute().parent.is_dir():
        raise SettingsError(f"{db}: no such folder")
    try:
        file = DeskFile(db)
        try:
            yield Users(file)
        finally:
            file.close()
    except AccountError as error:
        raise SettingsError(f"{error.field}: {error}") from None
    except (NotFoundError, StoreUnavailableError) as error:
        raise SettingsError(str(error)) from None


def _password(from_stdin: bool, generate: bool) -> tuple[str, bool]:
    """The password, and whether it has to be shown, since nobody knows it."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if generate or not sys.stdin.isatty():
        return secrets.token_urlsafe(15), True
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise SettingsError("password: not the same")
    return first, False


def _now() -> int:
    return int(time.time() * 1000)
