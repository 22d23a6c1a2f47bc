"""A day decided on and kept as history, as `guardian run --history` keeps it."""

from __future__ import annotations

from pathlib import Path

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.history.folder import About, HistoryFolder
from guardian.adapters.embedded.history.keeper import Keeper
from guardian.adapters.embedded.history.log import HistoryLog
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue, site_codes
from guardian.runtime.replay import replay
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker


def worker_for(day: Path, store: SqliteStore, settings: Settings | None = None) -> Worker:
    """A worker with all detectors, set up for a recorded day."""
    settings = settings or Settings()
    catalogue = load_catalogue(find_catalogue([day]))
    return Worker(build_engine(settings, catalogue, site_codes(settings, [day])), store)


def keep_day(day: Path, into: Path, db: Path, *, batch: int = 5_000, site: str = "store") -> HistoryFolder:
    """Replays a day and keeps all of it; the log has become Parquet."""
    settings, folder = Settings(site=site), HistoryFolder(into)
    decoder, _ = decoder_now(settings)
    source = FileSource(find_recordings([day]), decoder)
    store = SqliteStore(db)
    log = HistoryLog(folder, About(settings.site, settings.zone), store.positions())
    try:
        replay(worker_for(day, store, settings), source, batch=batch, before_batch=log.before)
    finally:
        log.close()
        source.close()
        store.close()
    Keeper(folder, db, 90, load_catalogue(find_catalogue([day]))).round(whole=True)
    return folder
