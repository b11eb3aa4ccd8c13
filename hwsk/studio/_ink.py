"""Take pen strokes from a canvas, and recognize them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from hwsk.studio._jobs import Job
from hwsk.studio._models import LINES, Models
from hwsk.studio._state import Body, Studio, answer_job, read_body, studio_of

_HEIGHT = 96  # pixels of the image that is drawn of the strokes
_N_BEST = 24  # readings that alternatives are taken from
_MOST_ALTERNATIVES = 4  # of a word
_FAR = 1e6  # pixels: no canvas is so large

Coordinate = Annotated[float, Field(ge=-_FAR, le=_FAR, allow_inf_nan=False)]
Stroke = Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=1, max_length=20_000)]
Strokes = Annotated[list[Stroke], Field(min_length=1, max_length=2000)]


class Ink(Body):
    """Hold strokes, each a list of points [x, y] between pen-down and pen-up; y is downwards."""

    strokes: Strokes


async def start_drawing(request: Request) -> Response:
    """Queue strokes to be recognized."""
    studio = studio_of(request)
    ink = await read_body(request, Ink)
    job = studio.jobs.submit("draw", "ink", lambda job: recognize(studio, job, ink))
    return await answer_job(request, job)


def recognize(studio: Studio, job: Job, ink: Ink) -> dict[str, Any]:
    """Recognize a line of strokes."""
    job.check()
    return recognize_strokes(studio.models, as_offsets(ink.strokes))


def as_offsets(strokes: Sequence[Sequence[tuple[float, float]]]) -> NDArray[np.float32]:
    """Convert points to offsets (T, 3): dx, dy, pen_up."""
    points = np.concatenate([np.asarray(stroke, np.float64) for stroke in strokes])
    pen_up = np.zeros(len(points))
    pen_up[np.cumsum([len(stroke) for stroke in strokes]) - 1] = 1
    offsets = np.diff(points, axis=0, prepend=points[:1])
    return np.column_stack([offsets, pen_up]).astype(np.float32)


def recognize_strokes(models: Models, strokes: NDArray[np.float32]) -> dict[str, Any]:
    """Recognize strokes: text, and words with confidence and alternatives.

    The strokes are drawn as an image, and that is recognized. A recognizer of strokes takes its
    place here.

    Parameters
    ----------
    models : Models
        The models of the server.
    strokes : ndarray of shape (T, 3)
        Offsets dx, dy, and pen_up.

    Returns
    -------
    dict
        The `text`, its `confidence` from 0 to 1, and `words`: each with `text`, `confidence` and
        `alternatives`, the likeliest first.
    """
    from hwsk.preprocessing import StrokeRasterizer
    from hwsk.recognition import predict_details

    reader = models.get(LINES)
    images = StrokeRasterizer(height=_HEIGHT).fit_transform([strokes])
    (details,) = predict_details(reader, images)
    words = details["words"]
    others = _alternatives(reader, images, [word["text"] for word in words])
    return {
        "text": " ".join(word["text"] for word in words),
        "confidence": round(details["mean"], 4),
        "words": [
            {"text": word["text"], "confidence": round(word["mean"], 4), "alternatives": found}
            for word, found in zip(words, others, strict=True)
        ],
    }


def _alternatives(reader: Any, images: Any, words: list[str]) -> list[list[str]]:
    """Find other readings of each word: where a good reading of the line differs in it."""
    found: list[Counter[str]] = [Counter() for _ in words]
    prepared = reader[:-1].transform(images) if hasattr(reader, "steps") else images
    recognizer = reader[-1] if hasattr(reader, "steps") else reader
    (line,) = recognizer.predict_log_proba(prepared)
    for rank, (decoded, _) in enumerate(recognizer._reader()(line.astype(np.float64), _N_BEST)):
        text, _ = recognizer._write(decoded)
        if len(text.split()) == len(words):
            for counter, word, other in zip(found, words, text.split(), strict=True):
                if other != word:
                    counter[other] += _N_BEST - rank
    return [[text for text, _ in counter.most_common(_MOST_ALTERNATIVES)] for counter in found]
