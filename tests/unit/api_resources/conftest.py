"""An API over a real store that two simulated days have gone through: a store's and a warehouse's."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from cloud_run.api.access_tokens import AccessTokens
from cloud_run.api.app import create_app
from cloud_run.api.live import Live
from cloud_run.api.metrics import Metrics
from cloud_run.api.parts import Accounts, Parts, Records
from cloud_run.api.settings import ApiSettings
from guardian.adapters.embedded.desk import SqliteDesk
from guardian.adapters.embedded.desk_file import DeskFile
from guardian.adapters.embedded.files import FileSource, find_recordings
from guardian.adapters.embedded.jobs import SqliteJobs
from guardian.adapters.embedded.key_file import KeyFile
from guardian.adapters.embedded.rows import SqliteRows
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.embedded.users import Users
from guardian.desk_ports import ALL_SITES, Role
from guardian.events.catalogue import Catalogue
from guardian.qr.keys import KeyRing
from guardian.runtime.composition import build_engine, decoder_now, site_codes, site_zone
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse

SITE = "north"
CATALOGUE = "products_list.csv"


class Product(msgspec.Struct, frozen=True):
    """What was simulated: the store's file, what was sold in it, and where it was made."""

    db: Path
    catalogue: Catalogue
    settings: Settings


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Made once, and only read."""
    folder = tmp_path_factory.mktemp("days")
    simulate_warehouse(WarehouseConfig.for_volume(12_000), 3).write(folder)
    lines = (folder / CATALOGUE).read_text().splitlines()
    simulate_store(StoreConfig.for_volume(12_000), 3).write(folder)
    rows = (folder / CATALOGUE).read_text().splitlines()
    catalogue = Catalogue.from_csv_text("\n".join([*lines, *rows[1:]]))
    settings = Settings(site=SITE)
    engine = build_engine(settings, catalogue, site_codes(settings, [folder]))
    decoder, _ = decoder_now(settings)
    source = FileSource(find_recordings([folder]), decoder)
    source.resume({})
    db = folder / "guardian.db"
    with closing(SqliteStore(db, durable=False)) as store:
        worker = Worker(engine, store)
        while (batch := source.poll(2_000, 0.0)) is not None:
            worker.process(batch)
        worker.finish()
    source.close()
    return Product(db, catalogue, settings)


class Api:
    """The app, and somebody of each role to ask it."""

    def __init__(self, parts: Parts, users: Users, tokens: AccessTokens) -> None:
        self.parts = parts
        self.app = create_app(parts)
        self._users = users
        self._tokens = tokens
        self._known: dict[tuple[Role, tuple[str, ...]], str] = {}

    def as_(self, role: Role, *sites: str) -> FlaskClient:
        """A client that is logged in. sites: none given means all."""
        who = role, sites or (ALL_SITES,)
        if who not in self._known:
            name = f"{role.value} {secrets.token_hex(4)}"
            account = self._users.add(name, secrets.token_urlsafe(16), role, who[1], by="test", at=1)
            self._known[who] = self._tokens.issue(account.user)
        client = self.app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {self._known[who]}"
        return client


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's private keys."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    ring = KeyRing()
    ring.add(bytes(range(32)), 1)
    KeyFile(path).save(ring)
    return path


@pytest.fixture(scope="session")
def make(product: Product, key_file: Path) -> Iterator[Callable[..., Api]]:
    """Makes an API; settings may be changed by name. Its desk is that of the session."""
    files: list[DeskFile] = []

    def made(db: Path = product.db, **changed: Any) -> Api:
        file = DeskFile(db)
        files.append(file)
        users = Users(file)
        tokens = AccessTokens(users, time.time)
        desk = SqliteDesk(file)
        chosen = {"store": db, "qr_key": key_file} | changed
        parts = Parts(
            settings=ApiSettings(**chosen),
            desk=desk,
            authenticator=tokens,
            metrics=Metrics(),
            live=Live(desk, streams=2, every_s=1.0),
            catalogue=product.catalogue,
            zone=site_zone(product.settings),
            clock=time.time,
            accounts=Accounts(users, tokens),
            records=Records(rows=SqliteRows(file, SITE), jobs=SqliteJobs(file), site=product.settings),
        )
        return Api(parts, users, tokens)

    yield made
    for file in files:
        file.close()


@pytest.fixture(scope="session")
def api(make: Callable[..., Api]) -> Api:
    """The API of the session."""
    return make()
