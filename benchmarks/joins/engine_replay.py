"""Our engine with some of its detectors: a recording in, alerts out; as `guardian replay --db`.

python -m benchmarks.joins.engine_replay FOLDER DATABASE OUT DETECTOR…
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.detectors.registry import Site, build
from guardian.engine.engine import Engine
from guardian.runtime.composition import decoder_now, load_catalogue, site_hours, site_zone
from guardian.runtime.replay import replay
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker


def main(folder: Path, database: Path, out: Path, *only: str) -> None:
    """Replays the recording with the detectors named, and writes their alerts."""
    settings = Settings()
    zone = site_zone(settings)
    catalogue = load_catalogue(find_catalogue([folder]))
    site = Site(catalogue, settings.lateness_ms, site_hours(settings))
    engine = Engine(
        build(site, only=frozenset(only)), site=settings.site, lateness_ms=settings.lateness_ms, zone=zone
    )
    decoder, _ = decoder_now(settings)
    store = SqliteStore(database)
    source = FileSource(find_recordings([folder]), decoder)
    replay(Worker(engine, store), source)
    out.write_bytes(b"".join(msgspec.json.encode(stored.alert) + b"\n" for stored in store.alerts()))
    source.close()
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
