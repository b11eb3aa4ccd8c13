"""Take pen strokes from a canvas, and recognize them."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from hwsk.studio._jobs import Job
from hwsk.studio._models import INK, Models
from hwsk.studio._state import Body, Studio, read_body, start_job, studio_of

_MOST_ALTERNATIVES = 5  # of a word
_N_BEST = 16  # readings of a word that these are taken from
_FAR = 1e6  # pixels: no canvas is so large

Coordinate = Annotated[float, Field(ge=-_FAR, le=_FAR, allow_inf_nan=False)]
Stroke = Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=1, max_length=20_000)]
Strokes = Annotated[list[Stroke], Field(min_length=1, max_length=2000)]


class Ink(Body):
    """Hold strokes, each a list of points [x, y] between pen-down and pen-up; y is downwards."""

    strokes: Strokes
    alternatives: bool = Field(
        False, description="Whether to look for other readings of each word; takes twice as long."
    )


class ReadCharacter(BaseModel):
    """Describe a character that was read, and where it was written."""

    text: str
    confidence: float = Field(description="From 0 to 1.")
    strokes: list[int] = Field(description="Numbers of the strokes, from 0.")
    start: int = Field(description="Its first point, counted through all strokes from 0.")
    stop: int = Field(description="The point after its last one.")


class ReadWord(ReadCharacter):
    """Describe a word that was read: what stands between blanks."""

    characters: list[ReadCharacter]
    alternatives: list[str] = Field(description="Other readings, the likeliest first.")


class Reading(BaseModel):
    """Describe the text that was read of strokes: the result of a job of `/api/draw`."""

    text: str
    confidence: float = Field(description="Mean of the characters, from 0 to 1; 0 without any.")
    words: list[ReadWord]


async def start_drawing(request: Request) -> Response:
    """Queue strokes to be recognized."""
    studio = studio_of(request)
    ink = await read_body(request, Ink)
    return await start_job(request, "draw", "ink", lambda job: recognize(studio, job, ink))


def recognize(studio: Studio, job: Job, ink: Ink) -> dict[str, Any]:
    """Recognize a line of strokes."""
    job.check()
    strokes = as_offsets(ink.strokes)
    return recognize_strokes(studio.models, strokes, ink.alternatives).model_dump()


def as_offsets(strokes: Sequence[Sequence[tuple[float, float]]]) -> NDArray[np.float32]:
    """Convert points to offsets (T, 3): dx, dy, pen_up."""
    points = np.concatenate([np.asarray(stroke, np.float64) for stroke in strokes])
    pen_up = np.zeros(len(points))
    pen_up[np.cumsum([len(stroke) for stroke in strokes]) - 1] = 1
    offsets = np.diff(points, axis=0, prepend=points[:1])
    return np.column_stack([offsets, pen_up]).astype(np.float32)


def recognize_strokes(
    models: Models, strokes: NDArray[np.float32], alternatives: bool = False
) -> Reading:
    """Recognize strokes: a character, a word or a line.

    The network reads in both directions, so a stroke may change the text before it, and each text
    is made of all strokes anew: that costs less than a tenth of a second, and the server keeps no
    ink.

    Parameters
    ----------
    models : Models
        The models of the server.
    strokes : ndarray of shape (T, 3)
        Offsets dx, dy, and pen_up.
    alternatives : bool, default=False
        Whether to look for other readings of each word.

    Returns
    -------
    Reading
        The text and its words, each with its characters and their places.
    """
    recognizer = models.get(INK)
    (details,) = recognizer.predict_details([strokes])
    words, characters = details["words"], iter(details["characters"])
    others: list[list[str]] = [[] for _ in words]
    if alternatives and words:
        others = _find_alternatives(recognizer, strokes, [word["text"] for word in words])
    return Reading(
        text=" ".join(word["text"] for word in words),
        confidence=round(details["mean"], 4),
        words=[
            ReadWord(
                **_describe(word, word["mean"]),
                characters=[
                    ReadCharacter(**_describe(character, character["probability"]))
                    for character in islice(_without_blanks(characters), len(word["text"]))
                ],
                alternatives=found,
            )
            for word, found in zip(words, others, strict=True)
        ],
    )


def _without_blanks(characters: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (character for character in characters if not character["text"].isspace())


def _describe(part: dict[str, Any], confidence: float) -> dict[str, Any]:
    places = {name: part[name] for name in ("text", "strokes", "start", "stop")}
    return {**places, "confidence": round(confidence, 4)}


def _find_alternatives(
    recognizer: Any, strokes: NDArray[np.float32], words: list[str]
) -> list[list[str]]:
    """Find other readings of each word, by a beam search in its time steps alone."""
    from hwsk.recognition import CTCDecoder

    decoder = copy.copy(recognizer.decoder) or CTCDecoder()
    decoder.set_params(alphabet=recognizer.alphabet_, method="beam")
    lines = recognizer.predict_log_proba([strokes])
    (details,) = decoder.fit(lines).predict_details(lines)
    if len(details["words"]) != len(words):  # a greedy reading and a search may differ in blanks
        return [[] for _ in words]
    steps = [
        lines[0][math.floor(word["start"]) : math.ceil(word["stop"])] for word in details["words"]
    ]
    result = []
    for word, readings in zip(words, decoder.predict_n_best(steps, _N_BEST), strict=True):
        found = dict.fromkeys(text.strip() for text, _ in readings)  # some differ in blanks alone
        result.append([text for text in found if text not in ("", word)][:_MOST_ALTERNATIVES])
    return result
