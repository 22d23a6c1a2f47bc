"""Does what takes a while, one thing after the other, beside the requests."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any, Final

import msgspec
import structlog

from cloud_run.api.problems import Problem
from guardian.desk_ports import Job, Jobs, JobState

WAITING: Final = 8
"""Jobs that wait or run at most."""
LONGEST_MS: Final = 600_000
"""A job that has not ended by then was interrupted: its process was stopped."""

log = structlog.get_logger("api")


class JobRunner:
    """Runs jobs in a thread of its own. What is waiting when the process ends is not done."""

    def __init__(self, jobs: Jobs, clock: Callable[[], float]) -> None:
        """clock: epoch seconds."""
        self._jobs = jobs
        self._clock = clock
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="jobs")
        self._room = BoundedSemaphore(WAITING)

    def start(self, kind: str, by: str, sites: tuple[str, ...], do: Callable[[], dict[str, Any]]) -> Job:
        """Has it done soon, and returns at once. Raises a Problem when too much is waiting."""
        if not self._room.acquire(blocking=False):
            raise Problem(429, "too-many-jobs", "too many jobs are waiting", headers={"Retry-After": "10"})
        try:
            job = Job(id=secrets.token_urlsafe(12), kind=kind, by=by, sites=sites, asked_at=self._now())
            self._jobs.put(job)
            self._threads.submit(self._run, job, do)
        except BaseException:
            self._room.release()
            raise
        return job

    def find(self, job_id: str) -> Job | None:
        """The job as it stands, or None."""
        job = self._jobs.get(job_id)
        if job is None or job.state in {JobState.DONE, JobState.FAILED}:
            return job
        if self._now() - job.asked_at <= LONGEST_MS:
            return job
        reason = {"reason": "interrupted: ask again"}
        return msgspec.structs.replace(job, state=JobState.FAILED, result=reason)

    def _run(self, job: Job, do: Callable[[], dict[str, Any]]) -> None:
        try:
            self._jobs.put(msgspec.structs.replace(job, state=JobState.RUNNING))
            try:
                state, result = JobState.DONE, do()
            except Exception as error:
                log.error("job_failed", kind=job.kind, job=job.id, error=type(error).__name__)
                state, result = JobState.FAILED, {"reason": "an error of ours; it is in the log"}
            self._jobs.put(msgspec.structs.replace(job, state=state, result=result, ended_at=self._now()))
        except Exception as error:
            log.error("job_not_stored", kind=job.kind, job=job.id, error=type(error).__name__)
        finally:
            self._room.release()

    def _now(self) -> int:
        return int(self._clock() * 1000)
