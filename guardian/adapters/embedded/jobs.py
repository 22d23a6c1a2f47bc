"""Jobs of the embedded product, in the desk's file."""

from __future__ import annotations

from typing import Final

import msgspec

from guardian.adapters.embedded.desk_file import DeskFile
from guardian.desk_ports import Job

KEPT: Final = 1_000
"""Jobs that are kept, the latest."""

_decode = msgspec.json.Decoder(Job).decode


class SqliteJobs:
    """`Jobs` in a table of the desk's file. For many threads."""

    def __init__(self, file: DeskFile) -> None:
        """file: the caller's, who closes it."""
        self._file = file

    def put(self, job: Job) -> None:
        """Adds the job, or replaces what was known of it."""
        row = job.id, job.asked_at, msgspec.json.encode(job).decode()
        with self._file.writing() as db:
            db.execute(
                """INSERT INTO jobs (id, asked_at, doc) VALUES (?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET doc = excluded.doc""",
                row,
            )
            db.execute(
                """DELETE FROM jobs
                WHERE id IN (SELECT id FROM jobs ORDER BY asked_at DESC, id LIMIT -1 OFFSET ?)""",
                (KEPT,),
            )

    def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        with self._file.reading(engine=False) as db:
            row = db.execute("SELECT doc FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else _decode(row[0])
