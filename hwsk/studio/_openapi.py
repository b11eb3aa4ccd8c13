"""Describe the JSON API as OpenAPI, each job with an example."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

import hwsk
from hwsk.studio._comparing import KINDS
from hwsk.studio._identifying import MODEL as WRITERS
from hwsk.studio._ink import Ink, Reading
from hwsk.studio._learning import Lesson
from hwsk.studio._reading import LAYOUTS, Export
from hwsk.studio._state import MOST_WAIT
from hwsk.studio._writing import Letter

_REFS = "#/components/schemas/{model}"
_FILE = {"type": "string", "format": "binary"}
_FILES = {"type": "array", "items": _FILE, "minItems": 1}
_JOB = {"$ref": "#/components/schemas/Job"}
_JOB_SCHEMA = {
    "type": "object",
    "required": ["id", "kind", "state", "progress", "result", "error", "remarks", "url"],
    "properties": {
        "id": {"type": "string"},
        "kind": {"enum": ["read", "draw", "write", "compare", "identify", "learn"]},
        "state": {"enum": ["queued", "running", "done", "failed", "cancelled"]},
        "progress": {"type": "object"},
        "result": {"type": ["object", "null"]},
        "error": {"type": ["object", "null"]},
        "remarks": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Warnings of the library, such as of letters that were replaced.",
        },
        "url": {"type": "string"},
    },
}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}
_STATUS = {
    "400": "The header Host, or a form, is not understood.",
    "401": "The token is missing or wrong.",
    "403": "The request comes from the page of another site.",
    "404": "The job or file is unknown, or kept no longer.",
    "405": "There is no such method here.",
    "409": "The job was cancelled, or is not of the kind that is needed.",
    "413": "The request, or an image in it, is too large.",
    "415": "The body is of another content type.",
    "422": "Something in the request can't be used; the message says what.",
    "429": "Too many jobs are queued.",
}
_WAIT = {
    "name": "wait",
    "in": "query",
    "description": "Seconds to wait for the end of the job.",
    "schema": {"type": "number", "minimum": 0, "maximum": MOST_WAIT, "default": 0},
}
_STROKES = [[[10, 40], [30, 10], [50, 40]], [[20, 28], [42, 28]]]
_EXAMPLES: dict[str, Any] = {
    "/api/draw": {"strokes": _STROKES, "alternatives": True},
    "/api/write": {"text": "Dear Ada, thank you.", "hand": 3, "size": "card", "ink": "#1d2b64"},
    "/api/learn": {"job": "JOB", "lines": [{"page": 1, "line": 0, "text": "Dear Ada,"}]},
    "/api/jobs/{job}/export": {
        "format": "page",
        "corrections": [{"page": 1, "line": 0, "text": "Dear Ada,"}],
    },
}


def describe_api() -> dict[str, Any]:
    """Return the OpenAPI document."""
    bodies: list[type[BaseModel]] = [Ink, Letter, Lesson, Export, Reading]
    schemas: dict[str, Any] = {"Job": _JOB_SCHEMA, "Error": _ERROR_SCHEMA}
    for body in bodies:
        schema = body.model_json_schema(ref_template=_REFS)
        schemas |= schema.pop("$defs", {})
        schemas[body.__name__] = schema
    job = _parameter("job")
    paths = {
        "/api/read": {
            "post": _post(
                "Read a page or a line: PNG, JPEG, TIFF or PDF",
                _form(
                    {
                        "file": _FILE,
                        "layout": {"enum": list(LAYOUTS), "default": "auto"},
                        "model": {"type": "string", "default": "english-pages"},
                    },
                    ["file"],
                ),
            )
        },
        "/api/draw": {
            "post": _post(
                "Recognize strokes: a character, a word or a line. All strokes so far are sent "
                "each time that the pen is lifted; the server keeps no ink.",
                _json("/api/draw", Ink),
                Reading,
            )
        },
        "/api/write": {"post": _post("Write a text by hand", _json("/api/write", Letter))},
        "/api/compare": {
            "post": _post(
                'Compare signatures, words "and" or lines: same writer or different writers',
                _form(
                    {
                        "a": _FILES,
                        "b": _FILES,
                        "kind": {"enum": list(KINDS), "default": "signature"},
                    },
                    ["a", "b"],
                ),
            )
        },
        "/api/identify": {
            "post": _post(
                f"Say who of the known writers wrote a line, or none of them ({WRITERS})",
                _form(
                    {
                        "questioned": _FILE,
                        "known": _FILES,
                        "writer": {"type": "array", "items": {"type": "string"}, "minItems": 2},
                    },
                    ["questioned", "known", "writer"],
                ),
            )
        },
        "/api/learn": {
            "post": _post("Learn from corrections, in the background", _json("/api/learn", Lesson))
        },
        "/api/models": {"get": _get("List the readers of pages", {"type": "object"})},
        "/api/jobs/{job}": {
            "parameters": [job],
            "get": {**_get("Return a job", _JOB), "parameters": [_WAIT]},
            "delete": _get("Cancel a job", _JOB),
        },
        "/api/jobs/{job}/files/{name}": {
            "parameters": [job, _parameter("name")],
            "get": {
                "summary": "Return a file that a job made, as its result names it",
                "responses": _responses({"200": {"description": "The file.", "content": _ANY}}),
            },
        },
        "/api/jobs/{job}/export": {
            "parameters": [job],
            "post": {
                "summary": "Write what was read, with corrections, as a file",
                "requestBody": _json("/api/jobs/{job}/export", Export),
                "responses": _responses({"200": {"description": "The file.", "content": _ANY}}),
            },
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hwsk studio",
            "version": hwsk.__version__,
            "description": "The jobs of hwsk on this machine. A request answers with a job, which "
            "is asked for again until its state is done, failed or cancelled.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_ANY = {"*/*": {"schema": _FILE}}


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _responses(good: dict[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    bad = {
        status: {"description": text, "content": error}
        for status, text in _STATUS.items()
        if status not in good
    }
    return good | bad


def _job_response(text: str, result: type[BaseModel] | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = _JOB
    if result is not None:
        described = {"$ref": _REFS.format(model=result.__name__)}
        schema = {"allOf": [_JOB, {"properties": {"result": described}}]}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _post(
    summary: str, body: dict[str, Any], result: type[BaseModel] | None = None
) -> dict[str, Any]:
    either = {"anyOf": [_JOB, {"$ref": "#/components/schemas/Error"}]}
    content = {"application/json": {"schema": either}}
    good = {
        "200": _job_response("The job, done.", result),
        "202": _job_response("The job, queued or running."),
        "409": {"description": _STATUS["409"], "content": content},
        "422": {"description": _STATUS["422"], "content": content},
    }
    return {
        "summary": summary,
        "parameters": [_WAIT],
        "requestBody": body,
        "responses": _responses(good),
    }


def _get(summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {
        "summary": summary,
        "responses": _responses({"200": {"description": "As asked.", "content": content}}),
    }


def _json(path: str, body: type[BaseModel]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": f"#/components/schemas/{body.__name__}"},
        "example": _EXAMPLES[path],
    }
    return {"required": True, "content": {"application/json": content}}


def _form(fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": fields, "required": required}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
