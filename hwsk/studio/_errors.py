"""Turn what goes wrong into JSON that says what is wrong."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

EXPECTED = (OSError, ValueError, TypeError, RuntimeError, ImportError)
"""What the library raises of input that it can't use; its messages are for users."""


class Refusal(HTTPException):
    """Refuse a request: a status, a code for programs and a message for people.

    Parameters
    ----------
    status : int
        Status of the response, from 400 to 499.
    code : str
        A short name of the reason.
    message : str
        What was given, and what is expected.
    headers : dict, default=None
        More headers of the response.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code


def error_body(code: str, message: str) -> dict[str, Any]:
    """Return the JSON of an error."""
    return {"error": {"code": code, "message": " ".join(message.split())}}


async def answer_http(request: Request, error: Exception) -> Response:
    """Answer with what was refused, by us or by Starlette (no such page, no such method)."""
    assert isinstance(error, HTTPException)
    code = getattr(error, "code", None) or f"http-{error.status_code}"
    return JSONResponse(error_body(code, error.detail), error.status_code, error.headers)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Answer with the first thing that is wrong in a request of JSON, and its place."""
    assert isinstance(error, ValidationError)
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"])) or "the body"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    message = f"{where}: {first['msg']}, not {first['input']!r:.80}{more}"
    return JSONResponse(error_body("invalid", message), 422)


async def answer_gone(request: Request, error: Exception) -> Response:
    """Answer nobody: the client went while it sent, as when its tab is closed."""
    return Response(status_code=400)


async def answer_fault(request: Request, error: Exception) -> Response:
    """Answer with a fault of ours; the server's log has its traceback."""
    message = f"a fault of hwsk: {type(error).__name__}; the server's log says where"
    return JSONResponse(error_body("fault", message), 500)
