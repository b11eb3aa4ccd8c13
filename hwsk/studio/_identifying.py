"""Rank known writers by how near their lines are to a questioned one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from hwsk.studio._errors import Refusal
from hwsk.studio._jobs import Job
from hwsk.studio._state import Studio, answer_job, studio_of
from hwsk.studio._uploads import Upload, decode, encode, read_form

MODEL = "iam-writers"
_SHOWN = 3  # lines of each writer that are given as evidence
_WIDTH, _HEIGHT = 900, 160  # pixels of the pictures of lines


async def start_identifying(request: Request) -> Response:
    """Queue a questioned line to be compared with the lines of known writers."""
    studio = studio_of(request)
    form = await read_form(request, studio.settings)
    (questioned,) = form.need("questioned", 1)
    known = form.need("known")
    writers = [" ".join(name.split())[:100] for name in form.texts.get("writer", [])]
    if len(writers) != len(known) or not all(writers):
        raise Refusal(
            422,
            "invalid",
            f"{len(known)} files in 'known' and {len(writers)} fields 'writer': each file has the "
            "name of its writer, in the same order",
        )
    if len(set(writers)) < 2:
        raise Refusal(422, "invalid", f"all files are by {writers[0]!r:.60}; expected two writers")
    job = studio.jobs.submit(
        "identify", "work", lambda job: identify(studio, job, known, writers, questioned)
    )
    return await answer_job(request, job)


def identify(
    studio: Studio, job: Job, known: list[Upload], writers: list[str], questioned: Upload
) -> dict[str, Any]:
    """Rank writers by the mean similarity of their nearest lines."""
    job.reach(0, len(known), "loading the model")
    model = studio.models.get(MODEL)
    asked = _embed(studio, job, model, questioned, "questioned.png")
    similarity = np.zeros(len(known))
    for row, upload in enumerate(known):
        job.reach(row, len(known), f"comparing line {row + 1} of {len(known)}")
        similarity[row] = _embed(studio, job, model, upload, f"known-{row + 1}.png") @ asked
    ranking: list[dict[str, Any]] = []
    for writer in dict.fromkeys(writers):
        rows = np.array([row for row, name in enumerate(writers) if name == writer])
        rows = rows[np.argsort(-similarity[rows], kind="stable")][:_SHOWN]
        evidence = [
            {
                "name": known[row].name,
                "similarity": round(float(similarity[row]), 4),
                "image": f"/api/jobs/{job.id}/files/known-{row + 1}.png",
            }
            for row in rows
        ]
        ranking.append(
            {
                "writer": writer,
                "lines": writers.count(writer),
                "similarity": round(float(similarity[rows].mean()), 4),
                "evidence": evidence,
            }
        )
    ranking.sort(key=lambda of: -of["similarity"])
    return {
        "model": MODEL,
        "questioned": {
            "name": questioned.name,
            "image": f"/api/jobs/{job.id}/files/questioned.png",
        },
        "ranking": ranking,
        "limits": "The order says who of these is nearest, not that one of them wrote it: "
        "similarities are not calibrated. Compare lines of one kind of pen and one resolution.",
    }


def _embed(studio: Studio, job: Job, model: Any, upload: Upload, name: str) -> NDArray[np.float64]:
    """Return the embedding of a line, of length 1, and keep a picture of it."""
    import cv2

    image = decode(upload, studio.settings)
    vector = np.asarray(model.transform([image])[0], np.float64)
    length = float(np.linalg.norm(vector))
    if not length:
        raise ValueError(f"{upload.name} has no ink that the model could compare")
    scale = min(1.0, _WIDTH / image.shape[1], _HEIGHT / image.shape[0])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    picture = encode(cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8), "PNG")
    job.files[name] = picture, "image/png"
    job.size += len(picture)
    return vector / length
