"""Queue jobs with a limit, run them in lanes, cancel them, keep their results for a while."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from hwsk._warn import collect_warnings
from hwsk.studio._errors import EXPECTED, Refusal, error_body
from hwsk.studio._settings import Settings

LANES = ("ink", "files", "work", "learning")
"""Jobs of a lane run one after the other: so ink is read at once, whatever else is at work."""
_DONE = ("done", "failed", "cancelled")

File = tuple[bytes, str]
"""Content and media type."""


class Cancelled(Exception):
    """Stop a job that was cancelled."""


@dataclass(eq=False)
class Job:
    """Hold a job: its state, how far it has come, its result and the files that belong to it."""

    kind: str
    lane: str = "work"
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: str = "queued"
    result: Any = None
    error: dict[str, Any] | None = None
    remarks: list[str] = field(default_factory=list)  # warnings, for the page to show
    progress: dict[str, Any] = field(default_factory=dict)
    files: dict[str, File | Callable[[], File]] = field(default_factory=dict)  # or what makes it
    kept: Any = None  # of a result, for later requests: pages, sheets
    size: int = 0  # bytes of what is kept
    used: float | None = None  # when it ended, or was asked for after that
    future: Future[None] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise `Cancelled` if the job was cancelled: jobs call it between their steps."""
        if self._stop.is_set():
            raise Cancelled

    def reach(self, done: int, total: int | None, what: str) -> None:
        """Report progress, unless the job was cancelled: that ends it here."""
        self.check()
        self.progress = {"done": done, "total": total, "what": what}

    def remark(self, warnings: Sequence[Warning | str], where: str = "") -> None:
        """Keep warnings for the page, each once; `where` stands before them."""
        said = [where + " ".join(str(warning).split()) for warning in warnings]
        self.remarks = list(dict.fromkeys([*self.remarks, *said]))

    def to_json(self) -> dict[str, Any]:
        """Return what a client sees of the job."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "progress": self.progress,
            "result": self.result if self.state == "done" else None,
            "error": self.error,
            "remarks": self.remarks,
            "url": f"/api/jobs/{self.id}",
        }


class Jobs:
    """Run jobs in the order in which they come, each lane in a thread of its own.

    Parameters
    ----------
    settings : Settings
        Limits of what is queued and kept.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._lanes = {lane: ThreadPoolExecutor(1, f"hwsk-{lane}") for lane in LANES}
        self._waiting = dict.fromkeys(LANES, 0)

    def submit(self, kind: str, lane: str, work: Callable[[Job], Any]) -> Job:
        """Queue a job.

        Raises
        ------
        Refusal
            With the status 429, if as many jobs wait as the settings allow.
        """
        job = Job(kind, lane)
        most = self.settings.queued_files if lane == "files" else self.settings.queued
        with self._lock:
            self._forget()
            if self._waiting[lane] > most:  # one of them runs
                raise Refusal(
                    429,
                    "busy",
                    f"{self._waiting[lane]} jobs are queued or running, which is the limit: try "
                    "again in some seconds",
                    {"Retry-After": "5"},
                )
            self._waiting[lane] += 1
            self._jobs[job.id] = job
        job.future = self._lanes[lane].submit(self._run, job, work)
        job.future.add_done_callback(lambda _: self._leave(lane))
        return job

    def _leave(self, lane: str) -> None:
        with self._lock:
            self._waiting[lane] -= 1

    def _run(self, job: Job, work: Callable[[Job], Any]) -> None:
        try:
            job.check()
            job.state = "running"
            with collect_warnings() as collected:
                result = work(job)
            job.check()
            job.remark(collected)
            job.result, job.state = result, "done"
        except Cancelled:
            job.state = "cancelled"
        except Refusal as error:
            self._fail(job, error.code, error.detail)
        except EXPECTED as error:
            self._fail(job, "failed", str(error) or type(error).__name__)
        except MemoryError:
            self._fail(job, "memory", "there is not enough memory for this: send less at a time")
        except Exception as error:  # a fault of ours: the server goes on
            self._fail(job, "fault", f"a fault of hwsk: {type(error).__name__}: {error}")
        finally:
            job.used = time.monotonic()
            if job.state != "done":
                job.kept, job.files, job.size = None, {}, 0

    def _fail(self, job: Job, code: str, message: str) -> None:
        if job._stop.is_set():
            job.state = "cancelled"
        else:
            job.error, job.state = error_body(code, message)["error"], "failed"

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises
        ------
        Refusal
            With the status 404, if there is none of that name, or no longer.
        """
        with self._lock:
            self._forget()
            job = self._jobs.get(job_id)
            if job is not None:
                if job.used is not None:
                    job.used = time.monotonic()
                return job
        minutes = self.settings.kept_seconds / 60
        raise Refusal(
            404,
            "no-job",
            f"the job is unknown; results are kept for {minutes:g} minutes after they were last "
            "asked for, and until the server ends",
        )

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: one that waits is not begun, one that runs stops at its next step."""
        job = self.get(job_id)
        if job.state not in _DONE:
            job._stop.set()
            job.state = "cancelled"
            if job.future is not None and job.future.cancel():
                job.used = time.monotonic()
        return job

    async def outcome(self, job: Job) -> Any:
        """Wait for a short job, forget it, and return its result.

        Raises
        ------
        Refusal
            With the status 422, if it failed.
        """
        assert job.future is not None
        try:
            await asyncio.wait([asyncio.wrap_future(job.future)])
        finally:
            job._stop.set()  # whoever asked may be gone
            with self._lock:
                self._jobs.pop(job.id, None)
        if job.error is not None:
            status = 500 if job.error["code"] == "fault" else 422
            raise Refusal(status, job.error["code"], job.error["message"])
        return job.result

    def close(self) -> None:
        """Cancel all jobs, and wait for those that run."""
        for job in list(self._jobs.values()):
            job._stop.set()
        for lane in self._lanes.values():
            lane.shutdown(cancel_futures=True)

    def _forget(self) -> None:
        """Drop results that are too old, too many or too large; those of longest ago go first.

        Each lane is counted by itself: a drawing has a job for each stroke, and must not drive out
        pages that someone corrects.
        """
        ended = [job for job in self._jobs.values() if job.used is not None]
        ended.sort(key=lambda job: job.used or 0.0)
        oldest = time.monotonic() - self.settings.kept_seconds
        size = sum(job.size for job in ended)
        counts = Counter(job.lane for job in ended)
        for job in ended:
            too_many = counts[job.lane] > self.settings.kept
            too_large = job.size > 0 and size > self.settings.kept_bytes
            if too_many or too_large or (job.used or 0.0) < oldest:
                del self._jobs[job.id]
                size -= job.size
                counts[job.lane] -= 1
