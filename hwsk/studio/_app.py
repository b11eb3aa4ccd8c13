"""Make the application: routes, the page's files, and what is shared."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import hwsk
from hwsk.studio._comparing import start_comparing
from hwsk.studio._errors import (
    Refusal,
    answer_fault,
    answer_gone,
    answer_http,
    answer_invalid,
)
from hwsk.studio._identifying import start_identifying
from hwsk.studio._ink import as_offsets, recognize_strokes, start_drawing
from hwsk.studio._jobs import Jobs
from hwsk.studio._learning import FEWEST, start_learning
from hwsk.studio._models import PAGES, Models
from hwsk.studio._openapi import describe_api
from hwsk.studio._reading import export, start_reading
from hwsk.studio._security import Guard
from hwsk.studio._settings import Settings
from hwsk.studio._state import Studio, attach, read_wait, studio_of, wait_for
from hwsk.studio._writing import HANDS, start_writing

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""Policy of files that jobs make: reports and drawings bring their own styles, and run nothing."""


def create_app(settings: Settings | None = None, models: Models | None = None) -> Starlette:
    """Make the application that `hwsk serve` serves.

    Parameters
    ----------
    settings : Settings, default=None
        Limits and token; None for the defaults.
    models : Models, default=None
        Models that are loaded already; None loads each when it is first needed.

    Returns
    -------
    Starlette
        An ASGI application.
    """
    settings = settings or Settings()
    studio = Studio(settings, Jobs(settings), models or Models())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(studio.jobs.close)

    post: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/api/read", start_reading),
        ("/api/draw", start_drawing),
        ("/api/write", start_writing),
        ("/api/compare", start_comparing),
        ("/api/identify", start_identifying),
        ("/api/learn", start_learning),
        ("/api/jobs/{job}/export", export),
    ]
    routes = [
        Route("/", _static_route("index.html")),
        *(Route(f"/static/{name}", _static_route(name)) for name in _static_names()),
        *(Route(path, endpoint, methods=["POST"]) for path, endpoint in post),
        Route("/api/jobs/{job}", _job, methods=["GET", "DELETE"]),
        Route("/api/jobs/{job}/files/{name}", _file),
        Route("/api/models", _models),
        Route("/api/openapi.json", _openapi),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={
            HTTPException: answer_http,
            ValidationError: answer_invalid,
            ClientDisconnect: answer_gone,
            Exception: answer_fault,
        },
        lifespan=lifespan,
    )
    app.state.studio = studio
    return app


def warm_up(studio: Studio) -> None:
    """Load what reads ink and pages, and read once, so that the first to come need not wait."""
    studio.models.get(PAGES)
    recognize_strokes(studio.models, as_offsets([[(0, 0), (20, 40)], [(20, 0), (0, 40)]]))


def _static_names() -> list[str]:
    """Return the names of the page's files: nothing else is ever opened for a request."""
    folder = files("hwsk.studio") / "static"
    return sorted(item.name for item in folder.iterdir() if item.is_file())


def _static_route(name: str) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint that answers with a file of the page, read once."""
    content = (files("hwsk.studio") / "static" / name).read_bytes()
    kind = next(kind for end, kind in _TYPES.items() if name.endswith(end))

    async def give(request: Request) -> Response:
        return Response(content, media_type=kind)

    return give


async def _job(request: Request) -> Response:
    """Return a job, or cancel it."""
    jobs = studio_of(request).jobs
    name = request.path_params["job"]
    if request.method == "DELETE":
        return JSONResponse(jobs.cancel(name).to_json())
    seconds = read_wait(request)
    job = jobs.get(name)
    await wait_for(job, seconds)
    return JSONResponse(job.to_json())


async def _file(request: Request) -> Response:
    """Return a file of a job; some are made now."""
    jobs = studio_of(request).jobs
    job = jobs.get(request.path_params["job"])
    name = request.path_params["name"]
    found = job.files.get(name)
    if found is None:
        raise Refusal(404, "no-file", f"the job, {job.state}, has no file {name!r:.60}")
    if callable(found):
        make = found
        found = await jobs.outcome(jobs.submit("file", "files", lambda _: make()))
    content, kind = found
    headers = {"Content-Security-Policy": _SANDBOX}
    if "download" in request.query_params:
        headers |= attach(name)
    return Response(content, media_type=kind, headers=headers)


async def _models(request: Request) -> Response:
    """Return what can be chosen: readers of pages, hands, and how many lines can be learnt from."""
    readers = studio_of(request).models.readers()
    answer: dict[str, Any] = {"readers": readers, "hands": HANDS, "fewest_lines": FEWEST}
    return JSONResponse({**answer, "version": hwsk.__version__})


async def _openapi(request: Request) -> Response:
    """Return the description of this API."""
    return JSONResponse(describe_api())
