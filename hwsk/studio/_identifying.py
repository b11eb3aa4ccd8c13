"""Say which known writer wrote a questioned line, or that none of them did."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from hwsk.studio._errors import Refusal
from hwsk.studio._jobs import Job
from hwsk.studio._state import Studio, start_job, studio_of
from hwsk.studio._uploads import Upload, check_pixels, decode, encode, read_form

MODEL = "iam-comparer"
_SHOWN = 3  # lines of each writer that are shown
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
    return await start_job(
        request, "identify", "work", lambda job: identify(studio, job, known, writers, questioned)
    )


def identify(
    studio: Studio, job: Job, known: list[Upload], writers: list[str], questioned: Upload
) -> dict[str, Any]:
    """Rank writers by who wrote the questioned line, or say that none of them did."""
    job.reach(0, len(known), "loading the model")
    comparer = studio.models.get(MODEL)
    check_pixels([questioned, *known], studio.settings)
    asked = _take(job, questioned, "questioned.png")
    lines: dict[str, list[NDArray[np.uint8]]] = {writer: [] for writer in writers}
    shown: dict[str, list[dict[str, str]]] = {writer: [] for writer in writers}
    for row, (upload, writer) in enumerate(zip(known, writers, strict=True)):
        job.reach(row, len(known), f"looking at line {row + 1} of {len(known)}")
        name = f"known-{row + 1}.png"
        lines[writer].append(_take(job, upload, name, len(lines[writer]) < _SHOWN))
        if name in job.files:
            image = f"/api/jobs/{job.id}/files/{name}"
            shown[writer].append({"name": upload.name, "image": image})
    job.reach(len(known), len(known), "comparing")
    candidates = comparer.identify(asked, lines)
    return {
        "model": MODEL,
        "questioned": {
            "name": questioned.name,
            "image": f"/api/jobs/{job.id}/files/questioned.png",
        },
        "ranking": [
            {
                "writer": writer,
                "lines": int(row.n_images),
                "probability": round(float(row.probability), 4),
                "evidence": shown[str(writer)],
            }
            for writer, row in candidates.ranking.iterrows()
        ],
        "none_probability": round(candidates.none_probability, 4),
        "limits": "Probabilities at even odds beforehand that one of these wrote it, calibrated on "
        "English lines of IAM at 300 dots per inch, none of them forged. With a single line, "
        '"none of these" is too likely. Compare lines of one kind of pen and one resolution.',
    }


def _take(job: Job, upload: Upload, name: str, shown: bool = True) -> NDArray[np.uint8]:
    """Decode a line, and keep a picture of it if it is shown."""
    import cv2

    image = decode(upload)
    if shown:
        scale = min(1.0, _WIDTH / image.shape[1], _HEIGHT / image.shape[0])
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        picture = encode(small, "PNG")
        job.files[name] = picture, "image/png"
        job.size += len(picture)
    return image
