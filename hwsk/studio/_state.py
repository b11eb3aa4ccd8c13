"""Hold what the endpoints of a server share, and answer with a job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hwsk.studio._errors import Refusal
from hwsk.studio._jobs import Job, Jobs
from hwsk.studio._models import Models
from hwsk.studio._settings import Settings

MOST_WAIT = 30.0  # seconds that a request may wait for its job
_STATUS = {"done": 200, "failed": 422, "cancelled": 409}


class Body(BaseModel):
    """Base of the bodies of requests: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


Content = TypeVar("Content", bound=Body)


@dataclass(frozen=True)
class Studio:
    """Hold the settings, the queue and the models of a server."""

    settings: Settings
    jobs: Jobs
    models: Models


def studio_of(request: Request) -> Studio:
    """Return what the server of a request holds."""
    studio: Studio = request.app.state.studio
    return studio


async def read_body(request: Request, kind: type[Content]) -> Content:
    """Read and check a body of JSON.

    Raises
    ------
    pydantic.ValidationError
        If a field is missing, unknown, or of another kind.
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refusal(415, "content-type", "expected application/json")
    return kind.model_validate_json(await request.body())


async def start_job(request: Request, kind: str, lane: str, work: Callable[[Job], Any]) -> Response:
    """Queue a job, and answer with it; the query ``?wait=SECONDS`` waits until it has ended.

    The status is 200 if it is done, 202 if it is not yet, 422 if it failed, 409 if it was
    cancelled.
    """
    seconds = read_wait(request)  # first: what is refused must not be queued
    job = studio_of(request).jobs.submit(kind, lane, work)
    await wait_for(job, seconds)
    status = _STATUS.get(job.state, 202)
    if job.error is not None and job.error["code"] == "fault":
        status = 500
    return JSONResponse(job.to_json(), status, {"Location": f"/api/jobs/{job.id}"})


def attach(name: str) -> dict[str, str]:
    """Return the header by which a browser saves an answer under a name, of any letters."""
    coded = quote(name, safe="")
    given = f'filename="{name}"' if coded == name else f"filename*=UTF-8''{coded}"
    return {"Content-Disposition": f"attachment; {given}"}


def read_wait(request: Request) -> float:
    """Return the seconds that the query asks to wait."""
    given = request.query_params.get("wait", "0")
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_WAIT:
        raise Refusal(
            422, "invalid", f"wait is {given!r:.40}; expected seconds from 0 to {MOST_WAIT:g}"
        )
    return seconds


async def wait_for(job: Job, seconds: float) -> None:
    """Wait for the end of a job, so many seconds at most."""
    if seconds and job.future is not None and not job.future.done():
        await asyncio.wait([asyncio.wrap_future(job.future)], timeout=seconds)
