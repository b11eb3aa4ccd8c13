"""Divide strokes into smooth curves of one width, and order them (`Piece`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Sheet = Sequence[tuple[str, Sequence[Points]]]  # lines: what is written, and its strokes

_AROUND = 3  # points on both sides whose mean step is the pen's speed
_SPEEDS = 0.25, 4.0  # times the usual one; beyond, the width is that of the limit
_WIDTHS = 4  # different widths in an octave
_MOST_TURNS = 1000  # of a plotter's way
_LEAST_GAIN = 1e-6  # millimetres
_SUBDIVISIONS = 4  # straight pieces that stand for the curve between two points, in an image


class Piece(NamedTuple):
    """A part of a stroke with one width; the points beside it shape the curve at its ends."""

    points: Points
    before: Points
    after: Points
    width: float


def whole(stroke: Points, width: float = 0.0) -> Piece:
    """A stroke in one piece."""
    return Piece(stroke, stroke[0], stroke[-1], width)


def usual_step(sheet: Sheet) -> float:
    """Median distance between a point and the next, which are as far apart in time everywhere."""
    steps = [_steps(stroke) for _, strokes in sheet for stroke in strokes if len(stroke) > 1]
    return float(np.median(np.concatenate(steps))) if steps else 0.0


def _steps(stroke: Points) -> NDArray[np.float64]:
    steps: NDArray[np.float64] = np.linalg.norm(np.diff(stroke, axis=0), axis=1)
    return steps


def by_width(
    strokes: Sequence[Points], width: float, pressure: float, usual: float
) -> dict[float, list[Piece]]:
    """Strokes in pieces, by their width: where the pen is slower than usual, it is wider."""
    found: dict[float, list[Piece]] = {}
    for stroke in strokes:
        for piece in cut_by_width(stroke, width, pressure, usual):
            found.setdefault(piece.width, []).append(piece)
    return found


def cut_by_width(stroke: Points, width: float, pressure: float, usual: float) -> list[Piece]:
    """Pieces of a stroke, of `width` where the pen is as fast as usual."""
    steps = _steps(stroke)
    if not pressure or len(stroke) < 3 or not usual:
        return [whole(stroke, width)]
    around = np.convolve(np.pad(steps, _AROUND, "edge"), np.ones(2 * _AROUND + 1), "valid")
    speed = around / (2 * _AROUND + 1) / usual
    wider = -pressure * np.log2(speed.clip(*_SPEEDS)) / 2  # octaves
    levels = np.rint(wider * _WIDTHS)
    cuts = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(levels)]
    return [
        Piece(
            stroke[start : end + 1],
            stroke[max(start - 1, 0)],
            stroke[min(end + 1, len(stroke) - 1)],
            float(width * 2 ** (levels[start] / _WIDTHS)),
        )
        for start, end in pairwise(cuts)
    ]


def shorten_way(strokes: Sequence[Points], start: Points) -> list[Points]:
    """Order strokes, and turn some round, so that the way of the lifted pen is short.

    From each stroke it goes to the nearest; then parts of the way are turned round for as long as
    that shortens it (2-opt).
    """
    left, ordered = list(strokes), []
    at = start
    while left:
        ends = np.array([[stroke[0], stroke[-1]] for stroke in left])
        nearest = int(np.linalg.norm(ends - at, axis=2).argmin())
        stroke = left.pop(nearest // 2)[:: -1 if nearest % 2 else 1]
        ordered.append(stroke)
        at = stroke[-1]
    for _ in range(_MOST_TURNS):
        turn = _best_turn(ordered, start)
        if turn is None:
            break
        ordered[turn] = [stroke[::-1] for stroke in ordered[turn][::-1]]
    return ordered


def _best_turn(strokes: Sequence[Points], start: Points) -> slice | None:
    """The strokes whose order and directions are to be reversed; None if nothing gets shorter."""
    if not strokes:
        return None
    begins = np.array([stroke[0] for stroke in strokes])
    ends = np.array([stroke[-1] for stroke in strokes])
    before = np.concatenate([[start], ends[:-1]])
    enter = np.linalg.norm(before - begins, axis=1)
    entered = np.linalg.norm(before[:, np.newaxis] - ends, axis=2)  # [i, j]: from i - 1 to j's end
    leave, left = np.zeros(len(strokes)), np.zeros((len(strokes), len(strokes)))
    leave[:-1] = enter[1:]
    left[:, :-1] = np.linalg.norm(begins[:, np.newaxis] - begins[1:], axis=2)
    change = np.triu(entered + left - enter[:, np.newaxis] - leave)
    first, last = np.unravel_index(change.argmin(), change.shape)
    return slice(int(first), int(last) + 1) if change[first, last] < -_LEAST_GAIN else None


def is_straight(piece: Piece) -> bool:
    """Whether a piece is a dot, or two points and nothing beside them."""
    points = piece.points
    alone = (piece.before == points[0]).all() and (piece.after == points[-1]).all()
    return len(points) < 3 and bool(alone)


def beziers(piece: Piece) -> tuple[Points, Points, Points, Points]:
    """Start, both handles and end of the cubic curves between each two points."""
    points = piece.points
    padded = np.concatenate([[piece.before], points, [piece.after]])
    handle = (padded[2:] - padded[:-2]) / 6
    return points[:-1], points[:-1] + handle[:-1], points[1:] - handle[1:], points[1:]


def subdivided(piece: Piece) -> Points:
    """The curve of `_smooth_path` as a polyline."""
    if is_straight(piece):
        return piece.points
    t = (np.arange(_SUBDIVISIONS) / _SUBDIVISIONS)[:, np.newaxis]
    weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    corners = beziers(piece)
    curve = sum(w * c[:, np.newaxis] for w, c in zip(weights, corners, strict=True))
    return np.concatenate([np.reshape(curve, (-1, 2)), piece.points[-1:]])


def timetable(sheet: Sheet) -> Points:
    """For each stroke when it begins and ends, 1 being the whole; the pen has one speed."""
    strokes = [stroke for _, line in sheet for stroke in line]
    if not strokes:
        return np.empty((0, 2))
    drawn = [along(stroke)[-1] for stroke in strokes]
    starts, ends = np.array([s[0] for s in strokes]), np.array([s[-1] for s in strokes])
    lifted = np.r_[0, np.linalg.norm(starts[1:] - ends[:-1], axis=1)]
    passed = np.cumsum(np.column_stack([lifted, drawn])).reshape(-1, 2)
    return passed / max(passed[-1, 1], 1e-9)


def along(points: Points) -> Points:
    """Length of a polyline up to each of its points."""
    return np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
